import GraphIR
import Tensors

extension Program {
  /// The program's graph with all that exact input types tell: types of values, constants that follow from them, and
  /// without the nodes that are then not needed.
  ///
  /// - Parameter inputs: in the order of `graph.inputs`.
  public func specialized(_ inputs: [TensorType]) throws(CompileError) -> Graph {
    try InputCheck(graph).check(inputs.map(ValueType.tensor))
    var graph = self.graph
    for (id, type) in zip(graph.inputs, inputs) { graph[id].type = .tensor(type) }
    var specialization = Specialization(graph, target: target, memoryLimit: options.memoryLimit)
    try specialization.run()
    graph = specialization.graph
    graph.removeDeadNodes()
    return graph
  }
}
