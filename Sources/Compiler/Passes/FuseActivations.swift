import GraphIR
import Operators

extension Pass {
  static let fuseActivations = Pass(
    "fuse-activations", "Apply an activation while the producer stores its output."
  ) { (graph, log) throws(CompileError) in
    graph.fuseIntoProducers(&log) { graph, node, producer in
      guard let function = node.implementation as? any ActivationOperator else { return .notApplicable }
      guard let fusing = producer.implementation as? any ActivationFusing else { return .notApplicable }
      guard let activation = function.activation(constants: graph.constants(of: node)) else {
        return .skip("its parameters are not constant")
      }
      guard let fused = fusing.fusing(activation) else { return .skip("\(producer.operatorName) cannot take it") }
      return .fused(fused)
    }
  }
}
