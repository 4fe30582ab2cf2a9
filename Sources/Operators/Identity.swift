import GraphIR

/// ONNX `Identity`: the output is the input, whatever it is.
public struct Identity: HostOperator {
  public static let signatures = [Signature("Identity")]

  public init(_ node: NodeReader) throws(OperatorError) { try node.expectInputs(1...1) }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    guard let input = context.inputs[0] else { throw context.invalid("input 0 is missing") }
    return [input.type]
  }

  public func hasKernel(_ context: InferenceContext) -> Bool {
    guard case .tensor(let type)? = context.inputs.first??.type, let dataType = type.dataType else { return false }
    return dataType != .string
  }

  public func evaluate(_ context: EvaluationContext) throws(OperatorError) -> [RuntimeValue] { [try context.value(0)] }

  public func layout(_ context: LayoutContext) -> LayoutPolicy { .any }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel { .view(of: 0) }
}
