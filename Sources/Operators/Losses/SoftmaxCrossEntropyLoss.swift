import GraphIR

/// ONNX `SoftmaxCrossEntropyLoss`: minus the logarithm of each target's softmax probability, weighted and reduced, and
/// the logarithms of all probabilities.
public struct SoftmaxCrossEntropyLoss: Operator {
  public static let signatures = [Signature("SoftmaxCrossEntropyLoss", versions: 12...Signature.newestOpset)]

  private let loss: ClassLoss

  public init(_ node: NodeReader) throws(OperatorError) { loss = try ClassLoss(node) }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let output = try loss.infer(context)
    return context.node.outputs.count > 1 ? [output, .tensor(try context.tensor(0))] : [output]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    try loss.kernel(context, takesScores: true)
  }
}
