import GraphIR
import Tensors

extension Graph {
  /// The most nodes that composites of composites may come to, for each node of the model.
  private static let depthLimit = 8

  /// Replaces every node whose operator is a composite by the nodes it stands for.
  public mutating func expandComposites(_ registry: OperatorRegistry) throws(OperatorError) {
    guard nodes.contains(where: registry.isComposite) else { return }
    var types: [ValueID: TensorType] = [:]
    let old = nodes
    nodes = []
    var result: [Node] = []
    result.reserveCapacity(old.count)
    for node in old { try expand(node, registry, &types, into: &result, depth: 0) }
    nodes = result
  }

  private mutating func expand(
    _ node: Node, _ registry: OperatorRegistry, _ types: inout [ValueID: TensorType], into result: inout [Node],
    depth: Int
  ) throws(OperatorError) {
    guard let composite = try registry.composite(of: node) else {
      note(typesOf: node, registry, &types)
      result.append(node)
      return
    }
    guard depth < Self.depthLimit else { throw OperatorError(.invalid, node: node.label, "it never ends expanding") }
    var expansion = Expansion(node, in: self, types: types)
    let outputs = try composite.expand(&expansion)
    let (graph, nodes) = try expansion.finished(outputs)
    self = graph
    for inner in nodes { try expand(inner, registry, &types, into: &result, depth: depth + 1) }
  }

  /// Remembers what is known of a node's outputs: some composites ask for the ranks of their inputs.
  private func note(typesOf node: Node, _ registry: OperatorRegistry, _ types: inout [ValueID: TensorType]) {
    guard let implementation = try? node.implementation ?? registry.implementation(of: node) else { return }
    let inputs = node.inputs.map { id in
      id.map { id in
        InferenceContext.Input(type: types[id].map { .tensor($0) } ?? self[id].type, constant: constants[id])
      }
    }
    guard let known = try? implementation.infer(InferenceContext(node: node, inputs: inputs)) else { return }
    for (id, type) in zip(node.outputs, known) { if let id, let tensor = type.tensor { types[id] = tensor } }
  }
}
