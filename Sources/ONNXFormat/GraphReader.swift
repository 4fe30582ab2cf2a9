import COnnx
import GraphIR
import Tensors

/// Builds one graph from its message; a subgraph finds the names it does not define in its parent.
final class GraphReader {
  let model: ModelReader
  let opsets: [String: Int]
  private let parent: GraphReader?
  private var graph = Graph()
  private var ids: [String: ValueID] = [:]
  /// The index of the first value made by a node; all of them follow in order.
  private var firstOutput = 0

  init(_ model: ModelReader, opsets: [String: Int], parent: GraphReader? = nil) {
    self.model = model
    self.opsets = opsets
    self.parent = parent
  }

  func read(_ proto: Onnx__GraphProto) throws(ImportError) -> Graph {
    graph.name = string(proto.name) ?? ""
    try readInitializers(proto)
    try readInputs(proto)
    let nodes = UnsafeBufferPointer(start: proto.node, count: proto.n_node)
    try defineOutputs(of: nodes)
    readTypes(proto.value_info, proto.n_value_info)
    readTypes(proto.output, proto.n_output)
    try readNodes(nodes)
    for case let output? in UnsafeBufferPointer(start: proto.output, count: proto.n_output) {
      try addOutput(named: string(output.pointee.name))
    }
    try sortIfNeeded()
    return graph
  }

  /// The body of a function.
  func read(_ proto: Onnx__FunctionProto, name: String, place: String) throws(ImportError) -> Graph {
    graph.name = name
    for input in UnsafeBufferPointer(start: proto.input, count: proto.n_input) {
      graph.inputs.append(try define(string(input), place: place))
    }
    let nodes = UnsafeBufferPointer(start: proto.node, count: proto.n_node)
    try defineOutputs(of: nodes)
    readTypes(proto.value_info, proto.n_value_info)
    try readNodes(nodes)
    for output in UnsafeBufferPointer(start: proto.output, count: proto.n_output) {
      try addOutput(named: string(output))
    }
    try sortIfNeeded()
    return graph
  }

  // MARK: Names

  /// Makes a value of that name, which must be new.
  private func define(_ name: String?, type: ValueType = .unknown, place: String) throws(ImportError) -> ValueID {
    guard let name else { throw model.problem(place, .missingName(of: "a value")) }
    let next = ValueID(index: graph.values.count)
    guard ids.updateValue(next, forKey: name) == nil else { throw model.problem(place, .repeatedName(name)) }
    return graph.addValue(name, type: type)
  }

  /// The value that `name` means here: this graph's own, or a captured one of an enclosing graph.
  private func resolve(_ name: String) -> ValueID? {
    if let id = ids[name] { return id }
    guard let parent, let outer = parent.resolve(name) else { return nil }
    let inner = graph.addValue(name, type: parent.graph[outer].type)
    ids[name] = inner
    graph.captures.append(Graph.Capture(outerName: name, inner: inner))
    return inner
  }

  // MARK: Parts of the graph

  private func readInitializers(_ proto: Onnx__GraphProto) throws(ImportError) {
    for case let initializer? in UnsafeBufferPointer(start: proto.initializer, count: proto.n_initializer) {
      let name = string(initializer.pointee.name)
      let place = "initializer \(quoted(name ?? ""))"
      let id = try define(name, place: place)
      graph.setConstant(id, try model.tensors.tensor(initializer.pointee, place: place))
    }
    let sparse = UnsafeBufferPointer(start: proto.sparse_initializer, count: proto.n_sparse_initializer)
    for case let initializer? in sparse {
      let name = initializer.pointee.values.flatMap { string($0.pointee.name) }
      let place = "initializer \(quoted(name ?? ""))"
      let id = try define(name, place: place)
      graph.setConstant(id, try model.tensors.densified(initializer.pointee, place: place))
    }
  }

  /// Inputs that are also initializers have a value already: old models list them all, newer ones as defaults.
  private func readInputs(_ proto: Onnx__GraphProto) throws(ImportError) {
    for case let input? in UnsafeBufferPointer(start: proto.input, count: proto.n_input) {
      let name = string(input.pointee.name)
      if let name, let id = ids[name], graph.constants[id] != nil { continue }
      let place = "graph input \(quoted(name ?? ""))"
      graph.inputs.append(try define(name, type: valueType(input.pointee.type), place: place))
    }
  }

  private func defineOutputs(
    of nodes: UnsafeBufferPointer<UnsafeMutablePointer<Onnx__NodeProto>?>
  ) throws(ImportError) {
    firstOutput = graph.values.count
    graph.values.reserveCapacity(graph.values.count + nodes.count)
    ids.reserveCapacity(ids.count + nodes.count)
    for case let node? in nodes {
      for output in UnsafeBufferPointer(start: node.pointee.output, count: node.pointee.n_output) {
        guard let name = string(output) else { continue }
        let next = ValueID(index: graph.values.count)
        guard ids.updateValue(next, forKey: name) == nil else {
          throw model.problem(label(node.pointee), .repeatedName(name))
        }
        _ = graph.addValue(name)
      }
    }
  }

  private func readTypes(_ entries: UnsafeMutablePointer<UnsafeMutablePointer<Onnx__ValueInfoProto>?>?, _ count: Int) {
    for case let entry? in UnsafeBufferPointer(start: entries, count: count) {
      guard let name = string(entry.pointee.name), let id = ids[name], graph[id].type == .unknown else { continue }
      graph[id].type = valueType(entry.pointee.type)
    }
  }

  private func addOutput(named name: String?) throws(ImportError) {
    guard let name else { throw model.problem("graph output", .missingName(of: "an output")) }
    guard let id = resolve(name) else { throw model.problem("graph output \(quoted(name))", .undefinedName(name)) }
    graph.outputs.append(id)
  }

  // MARK: Nodes

  private func readNodes(
    _ nodes: UnsafeBufferPointer<UnsafeMutablePointer<Onnx__NodeProto>?>
  ) throws(ImportError) {
    graph.nodes.reserveCapacity(nodes.count)
    var nextOutput = firstOutput
    for case let node? in nodes { graph.nodes.append(try self.node(node.pointee, &nextOutput)) }
  }

  /// - Parameter nextOutput: the index of the value that the next named output is.
  private func node(_ proto: Onnx__NodeProto, _ nextOutput: inout Int) throws(ImportError) -> Node {
    guard let operatorName = string(proto.op_type) else {
      throw model.problem(label(proto), .missingName(of: "an operator"))
    }
    let domain = normalizedDomain(proto.domain)
    var inputs: [ValueID?] = []
    inputs.reserveCapacity(proto.n_input)
    for input in UnsafeBufferPointer(start: proto.input, count: proto.n_input) {
      guard let name = string(input) else {
        inputs.append(nil)
        continue
      }
      guard let id = resolve(name) else { throw model.problem(label(proto), .undefinedName(name)) }
      inputs.append(id)
    }
    var outputs: [ValueID?] = []
    outputs.reserveCapacity(proto.n_output)
    for output in UnsafeBufferPointer(start: proto.output, count: proto.n_output) {
      let isNamed = output.map { $0.pointee != 0 } ?? false
      outputs.append(isNamed ? ValueID(index: nextOutput) : nil)
      if isNamed { nextOutput += 1 }
    }
    var attributes: [String: Attribute] = [:]
    for case let attribute? in UnsafeBufferPointer(start: proto.attribute, count: proto.n_attribute) {
      let (name, value) = try self.attribute(attribute.pointee, place: label(proto))
      guard attributes.updateValue(value, forKey: name) == nil else {
        throw model.problem(label(proto), .repeatedName(name))
      }
    }
    let title = string(proto.name) ?? outputs.lazy.compactMap { $0 }.first.map { self.graph[$0].name } ?? ""
    return Node(
      name: title,
      operatorName: model.operatorName(operatorName, domain: domain, overload: string(proto.overload)),
      domain: domain, version: try version(of: domain, for: proto), inputs: inputs, outputs: outputs,
      attributes: attributes)
  }

  /// The version of the operator set in force. Domains other than ONNX's own are often not imported; they then have 1.
  private func version(of domain: String, for proto: Onnx__NodeProto) throws(ImportError) -> Int {
    if let version = opsets[domain] { return version }
    guard domain.isEmpty else { return 1 }
    throw model.problem(label(proto), .missingOpset(domain: domain))
  }

  /// What messages call the node: its operator, and its name or else its first output.
  private func label(_ proto: Onnx__NodeProto) -> String {
    let outputs = UnsafeBufferPointer(start: proto.output, count: proto.n_output)
    let name = string(proto.name) ?? outputs.lazy.compactMap { string($0) }.first
    let title = oneLine(string(proto.op_type) ?? "", limit: 120)
    return name.map { "\(title) node \(quoted($0))" } ?? "\(title) node"
  }

  func subgraph(_ proto: Onnx__GraphProto) throws(ImportError) -> Graph {
    try GraphReader(model, opsets: opsets, parent: self).read(proto)
  }

  private func sortIfNeeded() throws(ImportError) {
    do {
      try graph.sortNodes()
    } catch {
      throw model.problem(graph.nodes[error.node].label, .cycle(through: error.valueName))
    }
  }
}
