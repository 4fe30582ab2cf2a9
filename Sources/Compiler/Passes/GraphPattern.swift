import GraphIR
import Operators
import Tensors

/// Looks backwards through a graph: what made a value, and how often it is read.
struct GraphPattern {
  let graph: Graph
  private let producers: [Int?]
  private let uses: [Int]
  /// A node that reads each value.
  private let readers: [Int?]

  init(_ graph: Graph) {
    self.graph = graph
    producers = graph.producers()
    uses = graph.useCounts()
    var readers = [Int?](repeating: nil, count: graph.values.count)
    for (index, node) in graph.nodes.enumerated() { for case let id? in node.inputs { readers[id.index] = index } }
    self.readers = readers
  }

  /// The node that reads `id`, if that is read once and not an output of the graph.
  func onlyReader(of id: ValueID?) -> Int? { id.flatMap { uses[$0.index] == 1 ? readers[$0.index] : nil } }

  func index(making id: ValueID?) -> Int? { id.flatMap { producers[$0.index] } }

  /// The node of ONNX's own operator set that makes `id`, if it has this name.
  func node(making id: ValueID?, named names: String...) -> Node? {
    guard let index = index(making: id) else { return nil }
    let node = graph.nodes[index]
    return (node.domain.isEmpty || node.domain == "ai.onnx") && names.contains(node.operatorName) ? node : nil
  }

  func isReadOnce(_ id: ValueID?) -> Bool { id.map { uses[$0.index] == 1 } ?? false }

  func shape(_ id: ValueID?) -> Shape? { id.flatMap { graph[$0].type.tensor?.shape } }
  func constant(_ id: ValueID?) -> Tensor? { id.flatMap { graph.constants[$0] } }

  /// The value of a float constant of one element.
  func scalar(_ id: ValueID?) -> Float? {
    guard let tensor = constant(id), tensor.dataType == .float32, tensor.count == 1 else { return nil }
    return tensor.elements(as: Float.self)[0]
  }

  /// The inputs of a node of two inputs, in either order.
  func eitherWay(_ node: Node) -> [(ValueID, ValueID)] {
    guard node.inputs.count == 2, let a = node.inputs[0], let b = node.inputs[1] else { return [] }
    return [(a, b), (b, a)]
  }

  /// What a node multiplies by (or divides by) a float constant of one element, and the factor.
  func scaled(_ node: Node) -> (value: ValueID, factor: Float)? {
    if node.operatorName == "Div", node.inputs.count == 2, let value = node.inputs[0] {
      return scalar(node.inputs[1]).map { (value, 1 / $0) }
    }
    guard node.operatorName == "Mul" else { return nil }
    for (value, other) in eitherWay(node) {
      if let factor = scalar(other) { return (value, factor) }
    }
    return nil
  }
}
