import GraphIR
import Operators
import Tensors

extension Pass {
  static let foldBatchNormalization = Pass(
    "fold-batch-normalization", "Take a per-channel scale and shift into the weights of the producer."
  ) { (graph, log) throws(CompileError) in
    graph.fuseIntoProducers(&log) { graph, node, producer in
      guard let affine = node.implementation as? any AffineOperator else { return .notApplicable }
      guard let folding = producer.implementation as? any AffineFolding else {
        return .skip("\(producer.operatorName) cannot take a scale and shift")
      }
      guard let (scale, shift) = affine.affine(constants: graph.constants(of: node)) else {
        return .skip("its parameters are not constant")
      }
      guard let folded = folding.folding(scale: scale, shift: shift) else {
        return .skip("\(producer.operatorName) cannot take this scale and shift")
      }
      return .fused(folded)
    }
  }
}
