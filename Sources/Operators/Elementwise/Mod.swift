import CKernels
import GraphIR
import Tensors

/// ONNX `Mod`: the remainder with the sign of the divisor, or with `fmod` the sign of the dividend.
public struct Mod: ElementwiseOperator {
  public static let signatures = [Signature("Mod", versions: 10...Signature.newestOpset)]

  private let takesSignOfDividend: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(2...2)
    takesSignOfDividend = try node.bool("fmod", default: false)
  }

  public func emit(
    _ program: inout ElementwiseProgram, _ inputs: [ElementwiseProgram.Register]
  ) -> ElementwiseProgram.Register {
    program.apply(takesSignOfDividend ? VZ_ELTWISE_FMOD : VZ_ELTWISE_FLOORMOD, inputs[0], inputs[1])
  }
}
