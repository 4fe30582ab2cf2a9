import GraphIR
import Tensors

/// ONNX `Optional`: a value that may be absent, made of one or of none.
public struct OptionalOperator: HostOperator {
  public static let signatures = [Signature("Optional", versions: 15...Signature.newestOpset)]

  private let type: ValueType?

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(0...1)
    if case .type(let type)? = node.node.attributes["type"] { self.type = type } else { type = nil }
    guard type != nil || node.hasInput(0) else { throw node.invalid("has neither an input nor a type") }
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    [.optional(context.inputs.first.flatMap { $0?.type.withoutShape } ?? type ?? .unknown)]
  }

  public func evaluate(_ context: EvaluationContext) throws(OperatorError) -> [RuntimeValue] {
    guard context.has(0) else { return [.optional(nil, of: type ?? .unknown)] }
    let value = try context.value(0)
    return [.optional(value, of: value.type.withoutShape)]
  }
}

/// ONNX `OptionalHasElement`: whether a value is there. A tensor or sequence is; an absent input is not.
public struct OptionalHasElement: HostOperator {
  public static let signatures = [Signature("OptionalHasElement", versions: 15...Signature.newestOpset)]

  public init(_ node: NodeReader) throws(OperatorError) { try node.expectInputs(0...1) }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    [.tensor(TensorType(.bool, [] as [Dimension]))]
  }

  public func evaluate(_ context: EvaluationContext) throws(OperatorError) -> [RuntimeValue] {
    var isThere = context.has(0)
    if isThere, case .optional(nil, _) = try context.value(0) { isThere = false }
    return [.tensor(Tensor([isThere], shape: []))]
  }
}

/// ONNX `OptionalGetElement`: the value that an optional holds; what is no optional is its own.
public struct OptionalGetElement: HostOperator {
  public static let signatures = [Signature("OptionalGetElement", versions: 15...Signature.newestOpset)]

  public init(_ node: NodeReader) throws(OperatorError) { try node.expectInputs(1...1) }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    guard let type = context.inputs[0]?.type else { throw context.invalid("input 0 is missing") }
    guard case .optional(let element) = type else { return [type] }
    return [element.withoutShape]
  }

  public func evaluate(_ context: EvaluationContext) throws(OperatorError) -> [RuntimeValue] {
    guard case .optional(let value, _) = try context.value(0) else { return [try context.value(0)] }
    guard let value else { throw context.invalid("the optional holds nothing") }
    return [value]
  }
}
