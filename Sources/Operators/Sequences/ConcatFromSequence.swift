import GraphIR
import Tensors

/// ONNX `ConcatFromSequence`: the tensors of a sequence behind each other along an axis, an existing or a new one.
public struct ConcatFromSequence: HostOperator {
  public static let signatures = [Signature("ConcatFromSequence", versions: 11...Signature.newestOpset)]

  private let axis: Int
  private let isNewAxis: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    guard let axis = try node.int("axis") else { throw node.invalid("the attribute “axis” is missing") }
    self.axis = axis
    isNewAxis = try node.bool("new_axis", default: false)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    guard case .sequence(let element) = try context.sequenceType(0) else { return [.unknown] }
    return [element.withoutShape]
  }

  public func evaluate(_ context: EvaluationContext) throws(OperatorError) -> [RuntimeValue] {
    let tensors = try context.sequence(0).compactMap(\.tensor)
    guard let first = tensors.first else { throw context.invalid("the sequence is empty") }
    if isNewAxis {
      return [.tensor(try context.stacked(tensors, axis: axis, empty: (.float32, [])))]
    }
    return [.tensor(try context.joined(tensors, axis: try context.axis(axis, rank: first.shape.rank)))]
  }
}
