import GraphIR

/// ONNX `Identity`: the output is the input.
public struct Identity: Operator {
  public static let signatures = [Signature("Identity")]

  public init(_ node: NodeReader) throws(OperatorError) { try node.expectInputs(1...1) }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    guard let input = context.inputs[0] else { throw context.invalid("input 0 is missing") }
    return [input.type]
  }

  public func layout(_ context: LayoutContext) -> LayoutPolicy { .any }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel { .view(of: 0) }
}
