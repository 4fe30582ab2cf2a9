import GraphIR

extension ONNXModel {
  /// The model with every call of its own functions replaced by their bodies.
  ///
  /// Inlining stops with an error when functions call themselves or more than `nodeLimit` nodes would come out.
  public func inliningFunctions(nodeLimit: Int = ImportLimits.standard.nodeCount) throws(GraphError) -> ONNXModel {
    guard !functions.isEmpty else { return self }
    var model = self
    model.graph = try graph.inlining(functions, nodeLimit: nodeLimit)
    model.functions = []
    for (domain, version) in functions.flatMap(\.opsets) where model.opsets[domain] == nil {
      model.opsets[domain] = version
    }
    return model
  }
}

extension Graph {
  /// The graph with every call of one of `functions` replaced by its body.
  public func inlining(_ functions: [ONNXFunction], nodeLimit: Int) throws(GraphError) -> Graph {
    var inliner = Inliner(functions, nodeLimit: nodeLimit)
    return try inliner.inlined(self, depth: 0)
  }
}

private struct Inliner {
  private struct Callee: Hashable {
    var domain: String
    var operatorName: String
  }

  private let functions: [Callee: ONNXFunction]
  private let nodeLimit: Int
  private var stepCount = 0
  private static let depthLimit = 64

  init(_ functions: [ONNXFunction], nodeLimit: Int) {
    let byCallee = functions.map { (Callee(domain: $0.id.domain, operatorName: $0.id.operatorName), $0) }
    self.functions = Dictionary(byCallee, uniquingKeysWith: { first, _ in first })
    self.nodeLimit = nodeLimit
  }

  mutating func inlined(_ graph: Graph, depth: Int) throws(GraphError) -> Graph {
    var target = InliningTarget(graph)
    for node in graph.nodes { try expand(node, into: &target, depth: depth) }
    return target.graph
  }

  private mutating func expand(_ node: Node, into target: inout InliningTarget, depth: Int) throws(GraphError) {
    // Calls count as nodes do: one that expands to nothing takes time too.
    stepCount += 1
    guard stepCount <= nodeLimit else {
      throw GraphError(place: node.label, problem: "inlining functions makes more than \(nodeLimit) nodes")
    }
    guard let function = functions[Callee(domain: node.domain, operatorName: node.operatorName)] else {
      var node = node
      for (name, attribute) in node.attributes { node.attributes[name] = try inlined(attribute, depth: depth) }
      target.graph.nodes.append(node)
      return
    }
    guard depth < Self.depthLimit else {
      throw GraphError(place: node.label, problem: "functions call each other without end")
    }
    guard node.inputs.count <= function.body.inputs.count, node.outputs.count <= function.body.outputs.count else {
      throw GraphError(place: node.label, problem: "passes more operands than the function has")
    }
    let call = FunctionCall(node, function, into: &target)
    for inner in function.body.nodes { try expand(try call.bound(inner, in: target), into: &target, depth: depth + 1) }
    target.graph.nodes += call.copies
  }

  private mutating func inlined(_ attribute: Attribute, depth: Int) throws(GraphError) -> Attribute {
    switch attribute {
    case .graph(let graph): return .graph(try inlined(graph, depth: depth))
    case .graphs(let graphs):
      var result: [Graph] = []
      for graph in graphs { result.append(try inlined(graph, depth: depth)) }
      return .graphs(result)
    default: return attribute
    }
  }
}

/// The graph that calls are expanded into, and the names its values have.
private struct InliningTarget {
  var graph: Graph
  private var names: UniqueNames

  init(_ graph: Graph) {
    self.graph = graph
    self.graph.nodes = []
    names = UniqueNames(taken: graph.values.map(\.name))
  }

  mutating func addValue(like value: Value, prefix: String) -> ValueID {
    graph.addValue(names.claim("\(prefix)/\(value.name)"), type: value.type)
  }
}

/// One call: which values of the calling graph the values of the body are.
private struct FunctionCall {
  /// Nodes to add behind the body, for outputs that the body only passes on.
  private(set) var copies: [Node] = []
  private let node: Node
  private let function: ONNXFunction
  /// By index in the body; nil for an input the call leaves out.
  private var values: [ValueID?]

  init(_ node: Node, _ function: ONNXFunction, into target: inout InliningTarget) {
    self.node = node
    self.function = function
    let body = function.body
    values = [ValueID?](repeating: nil, count: body.values.count)
    var isBound = [Bool](repeating: false, count: body.values.count)
    for (slot, input) in body.inputs.enumerated() {
      values[input.index] = slot < node.inputs.count ? node.inputs[slot] : nil
      isBound[input.index] = true
    }
    var passedOn: [(inner: ValueID, outer: ValueID)] = []
    for (slot, output) in body.outputs.enumerated() {
      guard slot < node.outputs.count, let outer = node.outputs[slot] else { continue }
      if isBound[output.index] || body.constants[output] != nil {
        passedOn.append((output, outer))
      } else {
        values[output.index] = outer
        isBound[output.index] = true
      }
    }
    for index in body.values.indices where !isBound[index] {
      let id = target.addValue(like: body.values[index], prefix: node.name)
      values[index] = id
      if let constant = body.constants[ValueID(index: index)] { target.graph.setConstant(id, constant) }
    }
    for (inner, outer) in passedOn {
      copies.append(
        Node(
          name: target.graph[outer].name, operatorName: "Identity", version: function.opsets[""] ?? node.version,
          inputs: [values[inner.index]], outputs: [outer]))
    }
  }

  /// A node of the body as it stands in the calling graph.
  func bound(_ inner: Node, in target: InliningTarget) throws(GraphError) -> Node {
    var result = inner
    result.name = "\(node.name)/\(inner.name)"
    result.inputs = inner.inputs.map { $0.flatMap { values[$0.index] } }
    result.outputs = inner.outputs.map { $0.flatMap { values[$0.index] } }
    let hasSubgraphs = !target.graph.capturedNames(of: inner).isEmpty
    let names = hasSubgraphs ? outerNames(in: target.graph) : [:]
    result.attributes = try bound(inner.attributes, names: names, isNested: false, place: result.label)
    return result
  }

  /// What the body's names are called in the calling graph; nil for an absent input.
  private func outerNames(in graph: Graph) -> [String: String?] {
    var names: [String: String?] = [:]
    for (index, value) in function.body.values.enumerated() {
      names[value.name] = .some(values[index].map { graph[$0].name })
    }
    return names
  }

  private func bound(
    _ attributes: [String: Attribute], names: [String: String?], isNested: Bool, place: String
  ) throws(GraphError) -> [String: Attribute] {
    var result: [String: Attribute] = [:]
    for (name, attribute) in attributes {
      switch attribute {
      case .reference(let parameter):
        let value = node.attributes[parameter] ?? function.attributeDefaults[parameter]
        if isNested, case .graph? = value {
          throw GraphError(place: place, problem: "hands a graph attribute down into another graph")
        }
        result[name] = value
      case .graph(let graph):
        result[name] = .graph(try bound(graph, names: names, place: place))
      case .graphs(let graphs):
        var bodies: [Graph] = []
        for graph in graphs { bodies.append(try bound(graph, names: names, place: place)) }
        result[name] = .graphs(bodies)
      default: result[name] = attribute
      }
    }
    return result
  }

  /// A subgraph of the body with its captures renamed; `names` is empty below the first level, whose names stay.
  private func bound(_ graph: Graph, names: [String: String?], place: String) throws(GraphError) -> Graph {
    var result = graph
    var absent: Set<ValueID> = []
    var absentNames: [String: String?] = [:]
    result.captures = graph.captures.compactMap { capture in
      guard let renamed = names[capture.outerName] else { return capture }
      guard let outerName = renamed else {
        absent.insert(capture.inner)
        absentNames[graph[capture.inner].name] = .some(nil)
        return nil
      }
      return Graph.Capture(outerName: outerName, inner: capture.inner)
    }
    for index in result.nodes.indices {
      if !absent.isEmpty {
        result.nodes[index].inputs = result.nodes[index].inputs.map { $0.flatMap { absent.contains($0) ? nil : $0 } }
      }
      result.nodes[index].attributes = try bound(
        result.nodes[index].attributes, names: absentNames, isNested: true, place: place)
    }
    return result
  }
}
