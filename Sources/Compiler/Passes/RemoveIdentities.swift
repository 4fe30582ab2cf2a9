import GraphIR
import Operators

extension Pass {
  static let removeIdentities = Pass("remove-identities", "Let readers of a copy read the original.") {
    (graph, log) throws(CompileError) in
    let outputs = Set(graph.outputs)
    var isRemoved = [Bool](repeating: false, count: graph.nodes.count)
    let captured = Set(graph.nodes.flatMap { graph.capturedNames(of: $0) })
    for index in graph.nodes.indices {
      let node = graph.nodes[index]
      guard node.isCopy, let source = node.inputs.first, let source, let copy = node.outputs.first, let copy else { continue }
      guard node.outputs.dropFirst().allSatisfy({ $0 == nil }) else { continue }
      guard !outputs.contains(copy) else {
        log.skipped("its output is an output of the model", at: node)
        continue
      }
      guard !captured.contains(graph[copy].name) else {
        log.skipped("a subgraph reads its output", at: node)
        continue
      }
      graph.replaceUses(of: copy, with: source)
      isRemoved[index] = true
      log.did("removed", at: node)
    }
    graph.removeNodes { isRemoved[$0] }
  }
}

extension Node {
  /// Whether output 0 is input 0 unchanged.
  fileprivate var isCopy: Bool {
    guard domain.isEmpty || domain == "ai.onnx" else { return false }
    switch operatorName {
    case "Identity": return true
    case "Dropout":
      // From opset 12 on, a third input may ask for training mode.
      return inputs.count < 3 || inputs[2] == nil
    default: return false
    }
  }
}
