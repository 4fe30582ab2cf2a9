import GraphIR
import Tensors

/// ONNX `If`: the outputs of one of two subgraphs, chosen by a condition.
public struct If: HostOperator {
  public static let signatures = [Signature("If")]

  private let outputCount: Int

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    for name in ["then_branch", "else_branch"] {
      guard try node.graph(name).outputs.count == node.outputCount else {
        throw node.invalid("“\(name)” does not have the node's \(node.outputCount) outputs")
      }
    }
    outputCount = node.outputCount
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    // Branches may differ in shape, and even in what they hold.
    [ValueType](repeating: .unknown, count: outputCount)
  }

  public func evaluate(_ context: EvaluationContext) throws(OperatorError) -> [RuntimeValue] {
    try context.run(try context.flag(0) ? "then_branch" : "else_branch", [])
  }
}
