/// What is wrong with a graph, and where.
public struct GraphError: Error, Hashable, Sendable, CustomStringConvertible {
  public var place: String
  public var problem: String

  public init(place: String, problem: String) {
    self.place = place
    self.problem = problem
  }

  public var description: String { "\(place): \(problem)" }
}

extension Graph {
  /// Checks that every value has one origin, that nodes stand in an order in which inputs exist before they are read,
  /// and that outputs exist.
  public func verify() throws(GraphError) {
    var defined = [Bool](repeating: false, count: values.count)
    func define(_ id: ValueID, by place: String) throws(GraphError) {
      guard values.indices.contains(id.index) else {
        throw GraphError(place: place, problem: "names a value that does not exist")
      }
      guard !defined[id.index] else {
        throw GraphError(place: place, problem: "the value “\(self[id].name)” already has an origin")
      }
      defined[id.index] = true
    }
    for id in inputs { try define(id, by: "graph input") }
    for id in constants.keys { try define(id, by: "constant") }
    for capture in captures { try define(capture.inner, by: "captured value") }
    for node in nodes {
      for case let id? in node.inputs {
        guard values.indices.contains(id.index), defined[id.index] else {
          throw GraphError(place: node.label, problem: "reads “\(describe(id))” before it exists")
        }
      }
      for case let id? in node.outputs { try define(id, by: node.label) }
    }
    for id in outputs where !values.indices.contains(id.index) || !defined[id.index] {
      throw GraphError(place: "graph output", problem: "nothing makes “\(describe(id))”")
    }
  }

  private func describe(_ id: ValueID) -> String {
    values.indices.contains(id.index) ? self[id].name : "#\(id.index)"
  }
}

extension Node {
  /// What errors call the node: its name and operator.
  public var label: String {
    let title = domain.isEmpty ? operatorName : "\(domain).\(operatorName)"
    return name.isEmpty ? "\(title) node" : "\(title) node “\(name)”"
  }
}
