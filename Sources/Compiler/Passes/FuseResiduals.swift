import GraphIR
import Operators
import Tensors

extension Pass {
  static let fuseResiduals = Pass(
    "fuse-residuals", "Add another value to an operator's output while the output is stored."
  ) { (graph, log) throws(CompileError) in
    let pattern = GraphPattern(graph)
    /// Nodes that take over an addition further down move there, where both summands exist.
    var isRemoved = [Bool](repeating: false, count: graph.nodes.count)
    var placed = Array(graph.nodes.indices)
    for index in graph.nodes.indices {
      let node = graph.nodes[index]
      guard node.operatorName == "Add", node.domain.isEmpty || node.domain == "ai.onnx" else { continue }
      // The later of two candidates: what the earlier one made is then no longer in cache anyway.
      let candidates = pattern.eitherWay(node).compactMap { sum, other in
        pattern.index(making: sum).map { (producer: placed[$0], sum: sum, other: other) }
      }
      for (producer, sum, other) in candidates.sorted(by: { $0.producer > $1.producer }) {
        guard let fusing = graph.nodes[producer].implementation as? any ResidualFusing,
          graph.nodes[producer].outputs == [sum]
        else { continue }
        guard let shape = pattern.shape(sum), pattern.shape(other) == shape, sum != other,
          graph[sum].type.tensor?.dataType == .float32, graph[other].type.tensor?.dataType == .float32
        else {
          log.skipped("its summands have different shapes or are not float32", at: node)
          continue
        }
        guard pattern.isReadOnce(sum) else {
          log.skipped("the sum of \(graph.nodes[producer].label) is read elsewhere too", at: node)
          continue
        }
        guard let fused = fusing.fusingResidual() else {
          log.skipped("\(graph.nodes[producer].operatorName) cannot take it", at: node)
          continue
        }
        var moved = graph.nodes[producer]
        moved.implementation = fused
        moved.inputs.append(other)
        moved.outputs = node.outputs
        graph.nodes[index] = moved
        isRemoved[producer] = true
        placed[producer] = index
        log.did("fused into \(moved.label)", at: node)
        break
      }
    }
    graph.removeNodes { isRemoved[$0] }
  }
}
