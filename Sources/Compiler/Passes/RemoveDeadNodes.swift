import GraphIR

extension Pass {
  static let removeDeadNodes = Pass("remove-dead-nodes", "Drop what no output depends on.") {
    (graph, log) throws(CompileError) in
    for node in graph.removeDeadNodes() { log.did("removed", at: node) }
  }
}

extension Graph {
  /// Drops nodes whose outputs nobody reads, and constants that then have no reader; returns the nodes.
  @discardableResult
  mutating func removeDeadNodes() -> [Node] {
    var uses = useCounts()
    var isDead = [Bool](repeating: false, count: nodes.count)
    for index in nodes.indices.reversed() {
      let node = nodes[index]
      guard node.outputs.allSatisfy({ $0.map { uses[$0.index] == 0 } ?? true }) else { continue }
      isDead[index] = true
      for case let id? in node.inputs { uses[id.index] -= 1 }
    }
    let dead = zip(nodes, isDead).filter(\.1).map(\.0)
    removeNodes { isDead[$0] }
    let final = useCounts()
    constants = constants.filter { final[$0.key.index] > 0 }
    return dead
  }
}
