import CKernels
import GraphIR
import Tensors

/// ONNX `QLinearConv`: the convolution of quantized tensors, quantized again.
///
/// Inputs: x, its scale and zero point, weights, their scale and zero point (one, or one for each filter), scale and
/// zero point of the output, and optionally a bias in int32 whose scale is that of x times that of the weights.
public struct QLinearConv: Operator {
  public static let signatures = [Signature("QLinearConv", versions: 10...Signature.newestOpset)]

  private let window: SlidingWindow
  private let groups: Int

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(8...9, mayLackAny: true)
    window = try SlidingWindow(node)
    groups = try node.int("group", default: 1)
    guard groups >= 1 else { throw node.invalid("attribute “group” is \(groups); it must be at least 1") }
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    _ = try context.elementType(0, in: [.uint8, .int8])
    _ = try context.elementType(3, in: [.uint8, .int8])
    for index in [1, 4, 6] { _ = try context.elementType(index, in: [.float32]) }
    try context.expectSameElementType(0, 2)
    try context.expectSameElementType(3, 5)
    let type = try context.elementType(7, in: [.uint8, .int8])
    if context.has(8) { _ = try context.elementType(8, in: [.int32]) }
    let dims = try context.convolutionDims(x: 0, w: 3, window: window, groups: groups)
    try context.expectVector(8, count: dims?[1])
    return [try context.outputType(type, dims)]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let output = try context.output(0)
    guard output.count > 0 else { return Kernel { _ in } }
    let inputs = IntegerConvolution.Inputs(x: 0, weights: 3, xZero: 2, weightZero: 5)
    let convolution = try IntegerConvolution(inputs, window: window, groups: groups, context)
    let (filters, weightScales) = (output.shape[1], try context.input(4).count)
    guard weightScales == 1 || weightScales == filters, try context.input(1).count == 1,
      try context.input(6).count == 1, try context.input(7).count == 1
    else { throw context.invalid("the scales do not fit \(filters) filters") }
    var plan = ScratchPlan()
    _ = plan.reserve(convolution.scratchByteCount)
    let offset = plan.reserve(floats: filters)
    let (type, hasBias) = (output.dataType, context.has(8))
    return Kernel(
      scratchByteCount: plan.byteCount, retained: [convolution.packed].compactMap { $0 },
      unreadInputs: convolution.unread
    ) { operands in
      let scales = (operands.exec.pointee.scratch! + offset).assumingMemoryBound(to: Float.self)
      let x: UnsafePointer<Float> = operands.input(1), w: UnsafePointer<Float> = operands.input(4)
      let y: UnsafePointer<Float> = operands.input(6)
      for filter in 0..<filters { scales[filter] = x[0] * w[weightScales == 1 ? 0 : filter] / y[0] }
      let bias: UnsafePointer<Int32>? = hasBias ? operands.input(8) : nil
      let zero = Int32(ElementAccess.integer(operands.rawInput(7), 0, type))
      convolution.run(operands, vz_int_conv_ending(scale: scales, bias: bias, zero: zero))
    }
  }
}
