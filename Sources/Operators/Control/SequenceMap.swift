import GraphIR
import Tensors

/// ONNX `SequenceMap`: a subgraph run for every element of a sequence; its outputs are collected in sequences.
///
/// Further inputs are sequences of the same length, whose elements go along, or tensors, which every turn gets.
public struct SequenceMap: HostOperator {
  public static let signatures = [Signature("SequenceMap", versions: 17...Signature.newestOpset)]

  private let outputTypes: [ValueType]

  public init(_ node: NodeReader) throws(OperatorError) {
    let body = try node.graph("body")
    guard node.inputCount >= 1, body.inputs.count == node.inputCount, body.outputs.count == node.outputCount else {
      throw node.invalid("its body does not fit its inputs and outputs")
    }
    outputTypes = body.outputs.map { body[$0].type.withoutShape }
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    [ValueType](repeating: .sequence(.unknown), count: outputTypes.count)
  }

  public func evaluate(_ context: EvaluationContext) throws(OperatorError) -> [RuntimeValue] {
    let count = try context.sequence(0).count
    var inputs: [RuntimeValue] = []
    for index in context.inputs.indices { inputs.append(try context.value(index)) }
    guard inputs.allSatisfy({ $0.sequence.map { $0.count == count } ?? true }) else {
      throw context.invalid("its sequences differ in length")
    }
    var results = [[RuntimeValue]](repeating: [], count: outputTypes.count)
    for turn in 0..<count {
      try context.checkStop()
      let given = try context.run("body", inputs.map { $0.sequence.map { $0[turn] } ?? $0 })
      for (index, value) in given.enumerated() { results[index].append(value) }
    }
    return zip(results, outputTypes).map { values, type in
      .sequence(values, of: values.first?.type.withoutShape ?? type)
    }
  }
}
