import CKernels
import GraphIR
import Tensors

/// The ONNX operators of one input that need no attributes: `Neg`, `Exp`, `Sigmoid`, `Not`, `IsNaN`, and their like.
public struct UnaryElementwise: ElementwiseOperator, ActivationOperator {
  private struct Entry {
    var name: String
    var operation: vz_eltwise_op
    var domain: String = ""
  }

  private static let table: [Entry] = [
    Entry(name: "Abs", operation: VZ_ELTWISE_ABS),
    Entry(name: "Acos", operation: VZ_ELTWISE_ACOS),
    Entry(name: "Acosh", operation: VZ_ELTWISE_ACOSH),
    Entry(name: "Asin", operation: VZ_ELTWISE_ASIN),
    Entry(name: "Asinh", operation: VZ_ELTWISE_ASINH),
    Entry(name: "Atan", operation: VZ_ELTWISE_ATAN),
    Entry(name: "Atanh", operation: VZ_ELTWISE_ATANH),
    Entry(name: "Ceil", operation: VZ_ELTWISE_CEIL),
    Entry(name: "Cos", operation: VZ_ELTWISE_COS),
    Entry(name: "Cosh", operation: VZ_ELTWISE_COSH),
    Entry(name: "Erf", operation: VZ_ELTWISE_ERF),
    Entry(name: "Exp", operation: VZ_ELTWISE_EXP),
    Entry(name: "Floor", operation: VZ_ELTWISE_FLOOR),
    Entry(name: "HardSwish", operation: VZ_ELTWISE_HARDSWISH),
    Entry(name: "IsNaN", operation: VZ_ELTWISE_ISNAN),
    Entry(name: "Log", operation: VZ_ELTWISE_LOG),
    Entry(name: "Mish", operation: VZ_ELTWISE_MISH),
    Entry(name: "Neg", operation: VZ_ELTWISE_NEG),
    Entry(name: "Not", operation: VZ_ELTWISE_NOT),
    Entry(name: "Reciprocal", operation: VZ_ELTWISE_RECIPROCAL),
    Entry(name: "Relu", operation: VZ_ELTWISE_RELU),
    Entry(name: "Round", operation: VZ_ELTWISE_ROUND),
    Entry(name: "Sigmoid", operation: VZ_ELTWISE_SIGMOID),
    Entry(name: "Sign", operation: VZ_ELTWISE_SIGN),
    Entry(name: "Sin", operation: VZ_ELTWISE_SIN),
    Entry(name: "Sinh", operation: VZ_ELTWISE_SINH),
    Entry(name: "Softplus", operation: VZ_ELTWISE_SOFTPLUS),
    Entry(name: "Softsign", operation: VZ_ELTWISE_SOFTSIGN),
    Entry(name: "Sqrt", operation: VZ_ELTWISE_SQRT),
    Entry(name: "Tan", operation: VZ_ELTWISE_TAN),
    Entry(name: "Tanh", operation: VZ_ELTWISE_TANH),
  ]

  public static let signatures = table.map { Signature($0.name, domain: $0.domain) }

  /// What the operator does to each element.
  public let operation: vz_eltwise_op

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    guard let entry = Self.table.first(where: { $0.name == node.node.operatorName }) else {
      throw node.unsupported("the operator is not implemented")
    }
    operation = entry.operation
  }

  public func outputType(_ inputs: [DataType?], _ context: InferenceContext) throws(OperatorError) -> DataType? {
    switch operation {
    case VZ_ELTWISE_NOT:
      if let type = inputs[0], type != .bool { throw context.invalid("the input is \(type), not bool") }
      return .bool
    case VZ_ELTWISE_ISNAN: return .bool
    default: return inputs[0]
    }
  }

  public func emit(
    _ program: inout ElementwiseProgram, _ inputs: [ElementwiseProgram.Register]
  ) -> ElementwiseProgram.Register {
    program.apply(operation, inputs[0])
  }

  public func activation(constants: [Tensor?]) -> Activation? {
    switch operation {
    case VZ_ELTWISE_RELU: .relu
    case VZ_ELTWISE_SIGMOID: .sigmoid
    case VZ_ELTWISE_TANH: .tanh
    case VZ_ELTWISE_HARDSWISH: .hardSwish
    default: nil
    }
  }
}
