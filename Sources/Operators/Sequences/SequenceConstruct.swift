import GraphIR
import Tensors

/// ONNX `SequenceConstruct` and `SequenceEmpty`: a sequence of the inputs, or without elements.
public struct SequenceConstruct: HostOperator {
  public static let signatures = ["SequenceConstruct", "SequenceEmpty"].map {
    Signature($0, versions: 11...Signature.newestOpset)
  }

  private let emptyType: DataType?

  public init(_ node: NodeReader) throws(OperatorError) {
    guard node.node.operatorName == "SequenceEmpty" else {
      try node.expectInputs(1...Int.max)
      emptyType = nil
      return
    }
    try node.expectInputs(0...0)
    let number = try node.int("dtype", default: 1)
    guard let type = Int32(exactly: number).flatMap(DataType.init(rawValue:)) else {
      throw node.invalid("the attribute “dtype” names no element type")
    }
    emptyType = type
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    var element = TensorType(emptyType, nil as [Dimension]?)
    for index in context.inputs.indices {
      let type = try context.tensor(index).dataType
      if let type, let first = element.dataType, type != first {
        throw context.invalid("its inputs hold \(first) and \(type)")
      }
      element.dataType = element.dataType ?? type
    }
    return [.sequence(.tensor(element))]
  }

  public func evaluate(_ context: EvaluationContext) throws(OperatorError) -> [RuntimeValue] {
    var elements: [RuntimeValue] = []
    for index in context.inputs.indices { elements.append(.tensor(try context.tensor(index))) }
    let type = elements.first?.tensor?.dataType ?? emptyType
    return [.sequence(elements, of: .tensor(TensorType(type, nil as [Dimension]?)))]
  }
}
