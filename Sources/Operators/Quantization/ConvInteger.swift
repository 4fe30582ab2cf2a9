import CKernels
import GraphIR
import Tensors

/// ONNX `ConvInteger`: the convolution of 8-bit integers, less their zero points, in int32.
///
/// The weights may have a zero point for each filter. What lies outside the input counts as its zero point.
public struct ConvInteger: Operator {
  public static let signatures = [Signature("ConvInteger", versions: 10...Signature.newestOpset)]

  private let inputs: IntegerConvolution.Inputs
  private let window: SlidingWindow
  private let groups: Int

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(2...4)
    inputs = IntegerConvolution.Inputs(
      x: 0, weights: 1, xZero: node.hasInput(2) ? 2 : nil, weightZero: node.hasInput(3) ? 3 : nil)
    window = try SlidingWindow(node)
    groups = try node.int("group", default: 1)
    guard groups >= 1 else { throw node.invalid("attribute “group” is \(groups); it must be at least 1") }
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    _ = try context.elementType(0, in: [.uint8, .int8])
    _ = try context.elementType(1, in: [.uint8, .int8])
    try context.expectSameElementType(0, 2)
    try context.expectSameElementType(1, 3)
    let dims = try context.convolutionDims(x: 0, w: 1, window: window, groups: groups)
    return [try context.outputType(.int32, dims)]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    guard try context.output(0).count > 0 else { return Kernel { _ in } }
    let convolution = try IntegerConvolution(inputs, window: window, groups: groups, context)
    return Kernel(
      scratchByteCount: convolution.scratchByteCount, retained: [convolution.packed].compactMap { $0 },
      unreadInputs: convolution.unread
    ) { operands in convolution.run(operands, vz_int_conv_ending()) }
  }
}
