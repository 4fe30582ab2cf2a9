import GraphIR
import Operators
import Tensors

extension Pass {
  static let fuseBiases = Pass(
    "fuse-biases", "Add a constant row to a product while the product is stored."
  ) { (graph, log) throws(CompileError) in
    let pattern = GraphPattern(graph)
    var isRemoved = [Bool](repeating: false, count: graph.nodes.count)
    for index in graph.nodes.indices {
      let node = graph.nodes[index]
      guard node.operatorName == "Add", node.domain.isEmpty || node.domain == "ai.onnx" else { continue }
      for (sum, row) in pattern.eitherWay(node) {
        guard let producer = pattern.index(making: sum), let constant = pattern.constant(row),
          let fusing = graph.nodes[producer].implementation as? any BiasFusing
        else { continue }
        guard let shape = pattern.shape(sum), pattern.shape(node.outputs[0]) == shape, shape.rank >= 2,
          constant.dataType == .float32, constant.count == shape[shape.rank - 1],
          constant.shape.rank >= 1, constant.shape[constant.shape.rank - 1] == constant.count,
          pattern.shape(graph.nodes[producer].inputs[1]).map({ $0.rank >= 2 }) ?? false
        else {
          log.skipped("its constant is not a row of the product", at: node)
          continue
        }
        guard pattern.isReadOnce(sum) else {
          log.skipped("the product is read elsewhere too", at: node)
          continue
        }
        guard let fused = fusing.fusing(bias: constant.elements(as: Float.self)) else {
          log.skipped("\(graph.nodes[producer].operatorName) cannot take it", at: node)
          continue
        }
        graph.nodes[producer].implementation = fused
        graph.nodes[producer].outputs = node.outputs
        isRemoved[index] = true
        log.did("fused into \(graph.nodes[producer].label)", at: node)
        break
      }
    }
    graph.removeNodes { isRemoved[$0] }
  }
}
