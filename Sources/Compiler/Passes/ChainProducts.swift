import GraphIR
import Operators
import Tensors

extension Pass {
  /// Rows below which a chain gains nothing: what lies between stays in cache by itself.
  private static let fewestRows = 1024
  /// Elements of all matrices of a chain: they must stay in the second-level cache.
  private static let mostElements = 1 << 17

  static let chainProducts = Pass(
    "chain-products", "Compute a series of products with small constant matrices block by block of rows."
  ) { (graph, log) throws(CompileError) in
    let pattern = GraphPattern(graph)
    var isRemoved = [Bool](repeating: false, count: graph.nodes.count)
    for last in graph.nodes.indices.reversed() where !isRemoved[last] && graph.nodes[last].operatorName == "Gemm" {
      guard let rows = pattern.shape(graph.nodes[last].outputs[0])?[0], rows >= fewestRows else { continue }
      var members: [Int] = []
      var next: Int? = last
      var elements = 0
      while let index = next, !isRemoved[index], let gemm = graph.nodes[index].implementation as? Gemm,
        index == last || pattern.isReadOnce(graph.nodes[index].outputs[0])
      {
        let node = graph.nodes[index]
        guard GemmChain([(gemm, graph.constants(of: node))]) != nil else {
          log.skipped("its matrix or bias is not constant", at: node)
          break
        }
        elements += pattern.shape(node.inputs[1])?.count ?? 0
        guard elements <= mostElements else {
          log.skipped("the matrices together are too large", at: node)
          break
        }
        members.insert(index, at: 0)
        next = pattern.index(making: node.inputs[0])
      }
      guard members.count > 1 else { continue }
      let nodes = members.map { graph.nodes[$0] }
      let parts = pattern.columns(of: nodes[0].inputs[0])
      guard
        let chain = GemmChain(
          nodes.map { ($0.implementation as! Gemm, graph.constants(of: $0)) }, columns: parts?.map(\.columns))
      else { continue }
      var inputs = parts?.map(\.source) ?? [nodes[0].inputs[0]]
      for node in nodes { inputs += [node.inputs[1], node.inputs.count > 2 ? node.inputs[2] : nil] }
      for index in members.dropLast() { isRemoved[index] = true }
      log.did("computed together with \(members.count - 1) products before it", at: graph.nodes[last])
      graph.nodes[last] = Node(
        name: nodes.map(\.name).joined(separator: " → "), operatorName: GemmChain.name, domain: GemmChain.domain,
        version: 1, inputs: inputs, outputs: graph.nodes[last].outputs, implementation: chain)
    }
    graph.removeNodes { isRemoved[$0] }
    graph.removeDeadNodes()
  }
}

extension GraphPattern {
  /// The matrices, and their columns, that a matrix which is read once is joined of; nil if it is not.
  fileprivate func columns(of id: ValueID?) -> [(source: ValueID?, columns: Range<Int>)]? {
    guard isReadOnce(id), let joined = node(making: id, named: "Concat"), 2...8 ~= joined.inputs.count,
      let concat = joined.implementation as? Concat, concat.axis == 1 || concat.axis == -1
    else { return nil }
    var parts: [(source: ValueID?, columns: Range<Int>)] = []
    for input in joined.inputs {
      guard let input, let shape = shape(input), shape.rank == 2, graph[input].type.tensor?.dataType == .float32,
        shape[1] > 0
      else { return nil }
      guard let maker = index(making: input), let slice = graph.nodes[maker].implementation as? Slice,
        let source = graph.nodes[maker].inputs[0], let whole = self.shape(source),
        let columns = slice.columns(of: whole, constants: graph.constants(of: graph.nodes[maker])),
        columns.count == shape[1], whole[0] == shape[0]
      else {
        parts.append((input, 0..<shape[1]))
        continue
      }
      parts.append((source, columns))
    }
    return parts
  }
}
