import GraphIR
import Tensors

/// Where a composite operator puts the nodes that stand for one of its nodes.
public struct Expansion: Sendable {
  /// The node to be replaced.
  public let node: Node
  /// Its graph, to which values are added; nodes are collected beside it.
  private(set) var graph: Graph
  private(set) var nodes: [Node] = []
  /// What is known of the types of the graph's values.
  private let types: [ValueID: TensorType]
  private let prefix: String

  init(_ node: Node, in graph: Graph, types: [ValueID: TensorType]) {
    self.node = node
    self.graph = graph
    self.types = types
    let output = node.outputs.lazy.compactMap { $0 }.first.map { graph[$0].name }
    prefix = output ?? node.name
  }

  public func has(_ index: Int) -> Bool { index < node.inputs.count && node.inputs[index] != nil }
  public func wants(_ index: Int) -> Bool { index < node.outputs.count && node.outputs[index] != nil }

  /// An input that must be there.
  public func input(_ index: Int) throws(OperatorError) -> ValueID {
    guard index < node.inputs.count, let id = node.inputs[index] else { throw invalid("input \(index) is missing") }
    return id
  }

  /// An input that may be left out.
  public func optional(_ index: Int) -> ValueID? { index < node.inputs.count ? node.inputs[index] : nil }

  /// The contents of a constant input.
  public func constant(_ index: Int) -> Tensor? { optional(index).flatMap { graph.constants[$0] } }

  /// The number of axes of an input; throws where neither the model nor the nodes before say it.
  public func rank(_ index: Int) throws(OperatorError) -> Int {
    let id = try input(index)
    if let rank = graph.constants[id]?.shape.rank ?? types[id]?.dims?.count ?? graph[id].type.tensor?.dims?.count {
      return rank
    }
    throw unsupported("the rank of input \(index) is not known; add shapes to the model")
  }

  public func dims(_ index: Int) -> [Dimension]? {
    guard let id = optional(index) else { return nil }
    if let shape = graph.constants[id]?.shape { return shape.dims.map(Dimension.fixed) }
    return types[id]?.dims ?? graph[id].type.tensor?.dims
  }

  public func dataType(_ index: Int) -> DataType? {
    guard let id = optional(index) else { return nil }
    return graph.constants[id]?.dataType ?? types[id]?.dataType ?? graph[id].type.tensor?.dataType
  }

  // MARK: Adding nodes

  public mutating func constant(_ tensor: Tensor) -> ValueID {
    graph.addConstant("\(prefix)/#\(graph.values.count)", tensor)
  }

  public mutating func constant(ints values: [Int]) -> ValueID { constant(Tensor(values.map(Int64.init))) }
  public mutating func constant(_ value: Float) -> ValueID { constant(Tensor(scalar: value)) }

  /// Adds a node of ONNX's own operator set in its newest version, with one output.
  public mutating func apply(
    _ name: String, _ inputs: [ValueID?], _ attributes: [String: Attribute] = [:]
  ) -> ValueID {
    apply(name, inputs, attributes, outputs: 1)[0]
  }

  /// Adds a node of ONNX's own operator set in its newest version, or of another domain in version 1.
  public mutating func apply(
    _ name: String, domain: String = "", _ inputs: [ValueID?], _ attributes: [String: Attribute] = [:], outputs: Int
  ) -> [ValueID] {
    let made = (0..<outputs).map { _ in addValue(name) }
    nodes.append(
      Node(
        name: node.name, operatorName: name, domain: domain, version: domain.isEmpty ? Signature.newestOpset : 1,
        inputs: inputs, outputs: made, attributes: attributes))
    return made
  }

  private mutating func addValue(_ name: String) -> ValueID {
    graph.addValue("\(prefix)/\(name)#\(graph.values.count)")
  }

  public mutating func add(_ a: ValueID, _ b: ValueID) -> ValueID { apply("Add", [a, b]) }
  public mutating func multiply(_ a: ValueID, _ b: ValueID) -> ValueID { apply("Mul", [a, b]) }
  public mutating func cast(_ value: ValueID, to type: DataType) -> ValueID {
    apply("Cast", [value], ["to": .int(Int(type.rawValue))])
  }
  public mutating func transpose(_ value: ValueID, _ permutation: [Int]) -> ValueID {
    apply("Transpose", [value], ["perm": .ints(permutation)])
  }
  public mutating func reshape(_ value: ValueID, _ shape: [Int]) -> ValueID {
    apply("Reshape", [value, constant(ints: shape)])
  }
  public mutating func unsqueeze(_ value: ValueID, _ axes: [Int]) -> ValueID {
    apply("Unsqueeze", [value, constant(ints: axes)])
  }

  // MARK: Errors

  public func invalid(_ reason: String) -> OperatorError { OperatorError(.invalid, node: node.label, reason) }
  public func unsupported(_ reason: String) -> OperatorError { OperatorError(.unsupported, node: node.label, reason) }

  /// The nodes, those of `results` making the outputs of the replaced node.
  func finished(_ results: [ValueID?]) throws(OperatorError) -> (graph: Graph, nodes: [Node]) {
    var (graph, nodes) = (graph, nodes)
    var renamed: [ValueID: ValueID] = [:]
    let made = Set(nodes.flatMap { $0.outputs.compactMap { $0 } })
    for (index, output) in node.outputs.enumerated() {
      guard let output else { continue }
      guard index < results.count, let result = results[index] else {
        throw unsupported("output \(index) is not implemented")
      }
      if made.contains(result), renamed[result] == nil {
        renamed[result] = output
      } else {
        nodes.append(
          Node(
            name: node.name, operatorName: "Identity", version: Signature.newestOpset, inputs: [result],
            outputs: [output]))
      }
    }
    for index in nodes.indices {
      nodes[index].inputs = nodes[index].inputs.map { id in id.map { renamed[$0] ?? $0 } }
      nodes[index].outputs = nodes[index].outputs.map { id in id.map { renamed[$0] ?? $0 } }
    }
    graph.nodes = []
    return (graph, nodes)
  }
}
