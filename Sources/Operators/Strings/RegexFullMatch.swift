import GraphIR
import Tensors

/// ONNX `RegexFullMatch`: whether each string as a whole matches a regular expression in RE2's syntax.
public struct RegexFullMatch: HostOperator {
  public static let signatures = [Signature("RegexFullMatch", versions: 20...Signature.newestOpset)]

  private let expression: RegularExpression

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    let pattern = try node.string("pattern", default: "")
    do throws(RegularExpression.Problem) {
      expression = try RegularExpression(pattern)
    } catch {
      throw node.invalid("the pattern “\(pattern.prefix(200))” \(error.reason)")
    }
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    _ = try context.elementType(0, in: [.string])
    return [.tensor(TensorType(.bool, try context.tensor(0).dims))]
  }

  public func evaluate(_ context: EvaluationContext) throws(OperatorError) -> [RuntimeValue] {
    let result = try context.makeTensor(.bool, try context.tensor(0).shape)
    for (index, text) in try context.strings(0).enumerated() {
      try context.checkStop()
      result.buffer.base.storeBytes(of: expression.matches(text), toByteOffset: index, as: Bool.self)
    }
    return [.tensor(result)]
  }
}
