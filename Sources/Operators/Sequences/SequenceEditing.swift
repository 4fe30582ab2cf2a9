import GraphIR
import Tensors

/// ONNX `SequenceInsert` and `SequenceErase`: the sequence with one element more, or less, at a position.
public struct SequenceEditing: HostOperator {
  public static let signatures = ["SequenceInsert", "SequenceErase"].map {
    Signature($0, versions: 11...Signature.newestOpset)
  }

  private let inserts: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    inserts = node.node.operatorName == "SequenceInsert"
    try node.expectInputs(inserts ? 2...3 : 1...2)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    [try context.sequenceType(0)]
  }

  public func evaluate(_ context: EvaluationContext) throws(OperatorError) -> [RuntimeValue] {
    var elements = try context.sequence(0)
    let element = try context.elementType(0)
    guard inserts else {
      guard !elements.isEmpty else { throw context.invalid("the sequence has no element to erase") }
      let position = try context.has(1) ? context.position(1, in: elements.indices) : elements.count - 1
      elements.remove(at: position)
      return [.sequence(elements, of: element)]
    }
    let tensor = try context.tensor(1)
    if let type = element.tensor?.dataType, type != tensor.dataType {
      throw context.invalid("a tensor of \(tensor.dataType) does not go into a sequence of \(type)")
    }
    let position = try context.has(2) ? context.position(2, in: 0..<(elements.count + 1)) : elements.count
    // An element and its box take about this much besides the tensor.
    try context.reserve(byteCount: (elements.count + 1) * 96)
    elements.insert(.tensor(tensor), at: position)
    return [.sequence(elements, of: .tensor(TensorType(tensor.dataType, nil as [Dimension]?)))]
  }
}
