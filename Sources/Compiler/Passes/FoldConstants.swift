import GraphIR
import Operators

extension Pass {
  static let foldConstants = Pass("fold-constants", "Compute once what depends on constants alone.") {
    (graph, log) throws(CompileError) in
    var specialization = Specialization(
      graph, target: Target(threads: 1), memoryLimit: Int.max)
    let before = graph
    try specialization.run()
    let remaining = Set(specialization.graph.nodes.compactMap { $0.outputs.first ?? nil })
    for node in before.nodes {
      guard let output = node.outputs.first, let output, !remaining.contains(output) else { continue }
      log.did("is constant", at: node)
    }
    graph = specialization.graph
  }
}
