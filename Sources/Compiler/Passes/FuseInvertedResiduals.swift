import GraphIR
import Operators
import Tensors

extension Pass {
  static let fuseInvertedResiduals = Pass(
    "fuse-inverted-residuals", "Compute 1 × 1, depthwise and 1 × 1 convolutions together, a few rows at a time."
  ) { (graph, log) throws(CompileError) in
    let pattern = GraphPattern(graph)
    var isRemoved = [Bool](repeating: false, count: graph.nodes.count)
    for last in graph.nodes.indices {
      let project = graph.nodes[last]
      guard let projecting = project.implementation as? Conv, let middle = pattern.index(making: project.inputs[0]),
        let filtering = graph.nodes[middle].implementation as? Conv,
        let first = pattern.index(making: graph.nodes[middle].inputs[0]),
        let expanding = graph.nodes[first].implementation as? Conv, !isRemoved[first], !isRemoved[middle],
        let x = pattern.shape(graph.nodes[first].inputs[0]), let output = pattern.shape(project.outputs[0]),
        x.rank == 4, output.rank == 4, output.count > 0
      else { continue }
      let filter = graph.nodes[middle], expand = graph.nodes[first]
      guard [expand, filter, project].allSatisfy({ $0.hasConstantWeights(in: graph) }) else {
        log.skipped("its weights are not constant float32", at: project)
        continue
      }
      guard pattern.isReadOnce(expand.outputs[0]), pattern.isReadOnce(filter.outputs[0]) else {
        log.skipped("what lies between is read elsewhere too", at: project)
        continue
      }
      var low: ValueID?
      var resampling: InvertedResidual.Resampling?
      if expanding.hasResidual, let added = expand.inputs.last ?? nil, pattern.isReadOnce(added),
        let maker = pattern.index(making: added), let resize = graph.nodes[maker].implementation as? Resize,
        let source = graph.nodes[maker].inputs[0], let shape = pattern.shape(source)
      {
        resampling = .init(resize, graph.nodes[maker], from: shape, constants: graph.constants(of: graph.nodes[maker]))
        low = source
      }
      func weights(_ node: Node) -> Shape { pattern.shape(node.inputs[1])! }
      let block: InvertedResidual
      do throws(InvertedResidual.Obstacle) {
        block = try InvertedResidual(
          (expanding, filtering, projecting), shapes: (x, weights(expand), weights(filter), weights(project), output),
          resampling: resampling)
      } catch {
        if case .because(let reason) = error { log.skipped(reason, at: project) }
        continue
      }
      func bias(_ node: Node, _ conv: Conv) -> ValueID? {
        node.inputs.count > (conv.hasResidual ? 3 : 2) ? node.inputs[2] : nil
      }
      let inputs = [
        expand.inputs[0], expand.inputs[1], bias(expand, expanding), filter.inputs[1], bias(filter, filtering),
        project.inputs[1], bias(project, projecting), resampling == nil ? nil : low,
        projecting.hasResidual ? project.inputs.last! : nil,
      ]
      log.did("computed together with \(expand.label) and \(filter.label)", at: project)
      isRemoved[first] = true
      isRemoved[middle] = true
      graph.nodes[last] = Node(
        name: project.name, operatorName: InvertedResidual.name, domain: InvertedResidual.domain, version: 1,
        inputs: inputs, outputs: project.outputs, implementation: block)
    }
    graph.removeNodes { isRemoved[$0] }
    graph.removeDeadNodes()
  }
}

extension Node {
  /// Whether weights, and bias if there is one, are float32 constants.
  fileprivate func hasConstantWeights(in graph: Graph) -> Bool {
    let hasResidual = (implementation as? Conv)?.hasResidual ?? false
    let own = hasResidual ? inputs.dropLast() : inputs[...]
    return own.dropFirst().allSatisfy { id in
      id.map { graph.constants[$0]?.dataType == .float32 } ?? true
    }
  }
}
