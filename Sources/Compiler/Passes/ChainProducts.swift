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
      guard let chain = GemmChain(nodes.map { ($0.implementation as! Gemm, graph.constants(of: $0)) }) else { continue }
      var inputs = [nodes[0].inputs[0]]
      for node in nodes { inputs += [node.inputs[1], node.inputs.count > 2 ? node.inputs[2] : nil] }
      for index in members.dropLast() { isRemoved[index] = true }
      log.did("computed together with \(members.count - 1) products before it", at: graph.nodes[last])
      graph.nodes[last] = Node(
        name: nodes.map(\.name).joined(separator: " → "), operatorName: GemmChain.name, domain: GemmChain.domain,
        version: 1, inputs: inputs, outputs: graph.nodes[last].outputs, implementation: chain)
    }
    graph.removeNodes { isRemoved[$0] }
  }
}
