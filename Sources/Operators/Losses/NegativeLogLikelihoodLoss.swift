import GraphIR

/// ONNX `NegativeLogLikelihoodLoss`: minus the logarithm of each target's probability, weighted and reduced.
///
/// A mean is over the weights of all targets that are not ignored.
public struct NegativeLogLikelihoodLoss: Operator {
  public static let signatures = [Signature("NegativeLogLikelihoodLoss", versions: 12...Signature.newestOpset)]

  private let loss: ClassLoss

  public init(_ node: NodeReader) throws(OperatorError) { loss = try ClassLoss(node) }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] { [try loss.infer(context)] }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    try loss.kernel(context, takesScores: false)
  }
}
