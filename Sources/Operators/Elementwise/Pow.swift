import CKernels
import GraphIR
import Tensors

/// ONNX `Pow`: input 0 to the power of input 1, in the type of input 0. The types may differ since opset 12.
public struct Pow: ElementwiseOperator {
  public static let signatures = [Signature("Pow")]

  public let broadcastAxis: Int?

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(2...2)
    broadcastAxis = try node.oldBroadcastAxis()
  }

  public func outputType(_ inputs: [DataType?], _ context: InferenceContext) throws(OperatorError) -> DataType? {
    inputs[0]
  }

  public func emit(
    _ program: inout ElementwiseProgram, _ inputs: [ElementwiseProgram.Register]
  ) -> ElementwiseProgram.Register {
    switch program.constantValue(of: inputs[1]) {
    case 1: return inputs[0]
    case 2: return program.apply(VZ_ELTWISE_MUL, inputs[0], inputs[0])
    case 3:
      let square = program.apply(VZ_ELTWISE_MUL, inputs[0], inputs[0])
      return program.apply(VZ_ELTWISE_MUL, square, inputs[0])
    default: return program.apply(VZ_ELTWISE_POW, inputs[0], inputs[1])
    }
  }
}
