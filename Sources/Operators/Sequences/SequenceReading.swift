import GraphIR
import Tensors

/// ONNX `SequenceAt` and `SequenceLength`: one element of a sequence, and how many there are.
public struct SequenceReading: HostOperator {
  public static let signatures = ["SequenceAt", "SequenceLength"].map {
    Signature($0, versions: 11...Signature.newestOpset)
  }

  private let counts: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    counts = node.node.operatorName == "SequenceLength"
    try node.expectInputs(counts ? 1...1 : 2...2)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    guard case .sequence(let element) = try context.sequenceType(0) else { return [.unknown] }
    return [counts ? .tensor(TensorType(.int64, [] as [Dimension])) : element.withoutShape]
  }

  public func evaluate(_ context: EvaluationContext) throws(OperatorError) -> [RuntimeValue] {
    let elements = try context.sequence(0)
    if counts { return [.tensor(Tensor(scalar: Int64(elements.count)))] }
    return [elements[try context.position(1, in: elements.indices)]]
  }
}
