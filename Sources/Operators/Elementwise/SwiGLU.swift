import CKernels
import GraphIR
import Tensors

/// ONNX `SwiGLU`: `a · sigmoid(alpha · a) · b`, for inputs of one shape.
public struct SwiGLU: ElementwiseOperator {
  public static let signatures = [Signature("SwiGLU", versions: 28...Signature.newestOpset)]

  private let alpha: Float

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(2...2)
    alpha = try node.float("alpha", default: 1)
  }

  public func outputType(_ inputs: [DataType?], _ context: InferenceContext) throws(OperatorError) -> DataType? {
    if let a = try context.shape(0), let b = try context.shape(1), a != b {
      throw context.invalid("the inputs have the shapes \(a) and \(b); they must be the same")
    }
    return try commonType(inputs, context)
  }

  public func emit(
    _ program: inout ElementwiseProgram, _ inputs: [ElementwiseProgram.Register]
  ) -> ElementwiseProgram.Register {
    let gate: ElementwiseProgram.Register
    if alpha == 1 {
      gate = program.apply(VZ_ELTWISE_SILU, inputs[0])
    } else {
      let scaled = program.apply(VZ_ELTWISE_MUL, inputs[0], program.constant(alpha))
      gate = program.apply(VZ_ELTWISE_MUL, inputs[0], program.apply(VZ_ELTWISE_SIGMOID, scaled))
    }
    return program.apply(VZ_ELTWISE_MUL, gate, inputs[1])
  }
}
