import CKernels
import GraphIR
import Tensors

/// ONNX `Where`: elements of input 1 where the condition holds, of input 2 elsewhere.
public struct Where: ElementwiseOperator {
  public static let signatures = [Signature("Where", versions: 9...Signature.newestOpset)]

  public init(_ node: NodeReader) throws(OperatorError) { try node.expectInputs(3...3) }

  public func outputType(_ inputs: [DataType?], _ context: InferenceContext) throws(OperatorError) -> DataType? {
    if let condition = inputs[0], condition != .bool {
      throw context.invalid("the condition is \(condition), not bool")
    }
    return try commonType(Array(inputs.dropFirst()), context)
  }

  public func emit(
    _ program: inout ElementwiseProgram, _ inputs: [ElementwiseProgram.Register]
  ) -> ElementwiseProgram.Register {
    program.apply(VZ_ELTWISE_SELECT, inputs[0], inputs[1], inputs[2])
  }
}
