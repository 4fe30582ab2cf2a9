import CKernels
import GraphIR
import Tensors

/// ONNX `IsInf`: whether each element is infinite, of the signs that are asked for.
public struct IsInf: ElementwiseOperator {
  public static let signatures = [Signature("IsInf", versions: 10...Signature.newestOpset)]

  private let detectsPositive: Bool
  private let detectsNegative: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    detectsPositive = try node.bool("detect_positive", default: true)
    detectsNegative = try node.bool("detect_negative", default: true)
  }

  public func outputType(_ inputs: [DataType?], _ context: InferenceContext) throws(OperatorError) -> DataType? {
    .bool
  }

  public func emit(
    _ program: inout ElementwiseProgram, _ inputs: [ElementwiseProgram.Register]
  ) -> ElementwiseProgram.Register {
    switch (detectsPositive, detectsNegative) {
    case (true, true): program.apply(VZ_ELTWISE_ISINF, inputs[0])
    case (true, false): program.apply(VZ_ELTWISE_ISINF, inputs[0], immediate: 1)
    case (false, true): program.apply(VZ_ELTWISE_ISINF, inputs[0], immediate: -1)
    case (false, false): program.apply(VZ_ELTWISE_NE, program.constant(0), program.constant(0))
    }
  }
}
