import GraphIR
import Operators
import Tensors

extension OperatorRunner {
  /// Runs a host operator on values of any kind and returns the outputs that the node names.
  ///
  /// - Parameter body: what the node's subgraphs compute.
  func evaluate(
    _ inputs: [RuntimeValue?], on setting: Setting = .reference, memoryLimit: Int = 1 << 30,
    body: @escaping EvaluationContext.Body = { name, _ in fatalError("no subgraph “\(name)”") }
  ) throws(RunnerError) -> [RuntimeValue] {
    let node = makeNode(inputCount: inputs.count, absent: Set(inputs.indices.filter { inputs[$0] == nil }))
    let implementation = try wrap { () throws(OperatorError) in
      try OperatorRegistry.standard.implementation(of: node)
    }
    guard let host = implementation as? any HostOperator else { throw RunnerError("\(name) is no host operator") }
    let known = inputs.map { $0.map { InferenceContext.Input(type: $0.type, constant: $0.tensor) } }
    let types = try wrap { () throws(OperatorError) in
      try host.infer(InferenceContext(node: node, inputs: known))
    }
    return try evaluate(host, node, inputs, types, on: setting, memoryLimit: memoryLimit, body: body)
  }

  /// Evaluates a node whose outputs `infer` calls `types`, which the results must not contradict.
  func evaluate(
    _ host: any HostOperator, _ node: Node, _ inputs: [RuntimeValue?], _ types: [ValueType], on setting: Setting,
    memoryLimit: Int = 1 << 30,
    body: @escaping EvaluationContext.Body = { name, _ in fatalError("no subgraph “\(name)”") }
  ) throws(RunnerError) -> [RuntimeValue] {
    let context = EvaluationContext(
      node: node, inputs: inputs,
      target: Target(level: setting.level, threads: setting.threads, isReference: setting.isReference),
      control: RunControl(budget: MemoryBudget(limit: memoryLimit)), body: body)
    let values = try wrap { () throws(OperatorError) in try host.evaluate(context) }
    guard values.count == outputs.count else {
      throw RunnerError("there are \(values.count) results for \(outputs.count) outputs")
    }
    for (index, (type, value)) in zip(types, values).enumerated() where !type.isCompatible(with: value.type) {
      throw RunnerError("infer says \(type) of output \(index), which is \(value.type)")
    }
    return zip(values, outputs).filter(\.1).map(\.0)
  }
}
