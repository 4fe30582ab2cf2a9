import CKernels
import GraphIR
import Tensors

/// ONNX `Shrink`: `x + bias` below `-lambd`, `x - bias` above `lambd`, and 0 between.
public struct Shrink: ElementwiseOperator {
  public static let signatures = [Signature("Shrink", versions: 9...Signature.newestOpset)]

  private let threshold: Float
  private let bias: Float

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    threshold = try node.float("lambd", default: 0.5)
    bias = try node.float("bias", default: 0)
  }

  public func emit(
    _ program: inout ElementwiseProgram, _ inputs: [ElementwiseProgram.Register]
  ) -> ElementwiseProgram.Register {
    let (x, bias) = (inputs[0], program.constant(bias))
    let isBelow = program.apply(VZ_ELTWISE_LT, x, program.constant(-threshold))
    let isAbove = program.apply(VZ_ELTWISE_GT, x, program.constant(threshold))
    let above = program.apply(
      VZ_ELTWISE_SELECT, isAbove, program.apply(VZ_ELTWISE_SUB, x, bias), program.constant(0))
    return program.apply(VZ_ELTWISE_SELECT, isBelow, program.apply(VZ_ELTWISE_ADD, x, bias), above)
  }
}
