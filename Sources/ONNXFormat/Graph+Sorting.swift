import GraphIR

/// A node that needs its own result.
struct CycleError: Error {
  var node: Int
  var valueName: String
}

extension Graph {
  /// Puts the nodes in an order in which values are made before they are read, changing as little as possible.
  ///
  /// - Complexity: linear in nodes and edges.
  mutating func sortNodes() throws(CycleError) {
    let producers = self.producers()
    let names = NameIndex(of: self)
    if isSorted(producers, names) { return }
    let all = nodes.map { needs(of: $0, producers, names) }
    let order = try Self.order(all, nameOf: { self[$0].name })
    nodes = order.map { nodes[$0] }
  }

  private func isSorted(_ producers: [Int?], _ names: NameIndex) -> Bool {
    for (index, node) in nodes.enumerated() {
      for case let id? in node.inputs where producers[id.index] ?? -1 >= index { return false }
      guard !names.ids.isEmpty else { continue }
      for need in needs(of: node, producers, names) where need.producer >= index { return false }
    }
    return true
  }

  private struct Need {
    var producer: Int
    var value: ValueID
  }

  /// Values by name, made only when some subgraph captures one.
  private struct NameIndex {
    let ids: [String: ValueID]

    init(of graph: Graph) {
      let hasSubgraphs = graph.nodes.contains { !$0.attributes.isEmpty && !graph.capturedNames(of: $0).isEmpty }
      ids = hasSubgraphs
        ? Dictionary(graph.values.enumerated().map { ($1.name, ValueID(index: $0)) }, uniquingKeysWith: { a, _ in a })
        : [:]
    }
  }

  private func needs(of node: Node, _ producers: [Int?], _ names: NameIndex) -> [Need] {
    var needs: [Need] = []
    func add(_ id: ValueID) {
      if let producer = producers[id.index] { needs.append(Need(producer: producer, value: id)) }
    }
    for case let id? in node.inputs { add(id) }
    if !names.ids.isEmpty { for name in capturedNames(of: node) { if let id = names.ids[name] { add(id) } } }
    return needs
  }

  /// Depth first without recursion: a node is placed once everything it needs is.
  private static func order(_ needs: [[Need]], nameOf: (ValueID) -> String) throws(CycleError) -> [Int] {
    enum State { case new, open, placed }
    var states = [State](repeating: .new, count: needs.count)
    var order: [Int] = []
    order.reserveCapacity(needs.count)
    var stack: [(node: Int, next: Int)] = []
    for root in needs.indices where states[root] == .new {
      states[root] = .open
      stack.append((root, 0))
      while let (node, next) = stack.last {
        guard next < needs[node].count else {
          states[node] = .placed
          order.append(node)
          stack.removeLast()
          continue
        }
        stack[stack.count - 1].next += 1
        let need = needs[node][next]
        switch states[need.producer] {
        case .placed: break
        case .open: throw CycleError(node: node, valueName: nameOf(need.value))
        case .new:
          states[need.producer] = .open
          stack.append((need.producer, 0))
        }
      }
    }
    return order
  }
}
