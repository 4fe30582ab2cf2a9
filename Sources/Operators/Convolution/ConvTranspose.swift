import GraphIR
import Tensors

/// ONNX `ConvTranspose` over 1, 2 or 3 spatial axes.
public struct ConvTranspose: ActivationFusing, AffineFolding, ResidualFusing {
  public static let signatures = [Signature("ConvTranspose")]

  let window: SlidingWindow
  let groups: Int
  let outputPadding: [Int]?
  /// The output's spatial extents, when the model gives them.
  let outputShape: [Int]?
  private(set) var epilogue = FusedEpilogue()

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(2...3)
    window = try SlidingWindow(node)
    groups = try node.int("group", default: 1)
    outputPadding = try node.ints("output_padding")
    outputShape = try node.ints("output_shape")
    guard groups >= 1 else { throw node.invalid("attribute “group” is \(groups); it must be at least 1") }
    guard (outputPadding ?? []).allSatisfy({ 0...SlidingWindow.largestAttribute ~= $0 }) else {
      throw node.invalid("attribute “output_padding” is \(outputPadding ?? []); no value may be negative")
    }
    guard (outputShape ?? []).allSatisfy({ 1...SlidingWindow.largestExtent ~= $0 }) else {
      throw node.invalid("attribute “output_shape” is \(outputShape ?? []); every value must be at least 1")
    }
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.elementType(0, in: DataType.floats)
    try context.expectSameElementType(0, 1)
    let x = try context.dims(0, rank: 3...5), w = try context.dims(1, rank: 3...5)
    guard let rank = x?.count ?? w?.count else { return [.tensor(TensorType(type, nil as [Dimension]?))] }
    guard (x?.count ?? rank) == (w?.count ?? rank) else {
      throw context.invalid(
        "an input of shape \(TensorType(nil, x).extents) does not fit weights of shape \(TensorType(nil, w).extents)")
    }
    if let a = x?[1].value, let b = w?[0].value, a != b || !a.isMultiple(of: groups) {
      throw context.invalid(
        "an input of shape \(TensorType(nil, x).extents) has \(a) channels; weights of shape "
          + "\(TensorType(nil, w).extents) in \(groups) groups are for \(b)")
    }
    var filters = Dimension.unknown
    if let perGroup = w?[1].value {
      let (product, overflow) = perGroup.multipliedReportingOverflow(by: groups)
      guard !overflow else { throw context.invalid("\(perGroup) filters in each of \(groups) groups are too many") }
      filters = .fixed(product)
    }
    if !epilogue.isResidual(2, of: context.inputs.count) { try context.expectVector(2, count: filters) }
    var space = [Dimension](repeating: .unknown, count: rank - 2)
    let weightKernel = w.flatMap { TensorType(nil, Array($0[2...])).shape?.dims }
    if let kernel = window.kernel ?? weightKernel, let x {
      if let own = weightKernel { try window.expect(rank: rank - 2, kernel: own, context.node) }
      for axis in 0..<(rank - 2) {
        guard let extent = x[axis + 2].value else { continue }
        space[axis] = .fixed(try self.axis(axis, of: rank - 2, input: extent, kernel: kernel, context.node).output)
      }
    }
    return [try context.outputType(type, [x?[0] ?? .unknown, filters] + space)]
  }

  /// The window along one spatial axis, its `input` and `output` as this operator means them.
  private func axis(
    _ axis: Int, of rank: Int, input: Int, kernel: [Int], _ node: Node
  ) throws(OperatorError) -> WindowAxis {
    func invalid(_ reason: String) -> OperatorError { OperatorError(.invalid, node: node.label, reason) }
    try window.expect(rank: rank, kernel: kernel, node)
    guard outputPadding == nil || outputPadding?.count == rank else {
      throw invalid("attribute “output_padding” is \(outputPadding ?? []) for \(rank) spatial axes")
    }
    // Some exporters list images and channels as well.
    let wanted = outputShape.map { Array($0.suffix(rank)) }
    guard wanted == nil || wanted?.count == rank else {
      throw invalid("attribute “output_shape” is \(outputShape ?? []) for \(rank) spatial axes")
    }
    let stride = window.strides?[axis] ?? 1, dilation = window.dilations?[axis] ?? 1
    guard 1...SlidingWindow.largestExtent ~= kernel[axis], input <= SlidingWindow.largestExtent else {
      throw invalid("extent \(input) and kernel \(kernel[axis]) of spatial axis \(axis) are out of range")
    }
    var result = WindowAxis(input: input, output: 0, kernel: kernel[axis], stride: stride, dilation: dilation)
    let reach = (kernel[axis] - 1) * dilation + 1
    let whole = (max(input, 1) - 1) * stride + reach + (outputPadding?[axis] ?? 0)
    func distribute(output: Int) {
      result.output = output
      let total = max(whole - output, 0)
      result.padBefore = window.padding == .sameUpper ? total / 2 : total - total / 2
      result.padAfter = total - result.padBefore
    }
    if let wanted {
      distribute(output: wanted[axis])
      return result
    }
    switch window.padding {
    case .sameUpper, .sameLower: distribute(output: input * stride)
    case .valid: result.output = whole
    case .explicit(let pads):
      if !pads.isEmpty { (result.padBefore, result.padAfter) = (pads[axis], pads[axis + rank]) }
      result.output = whole - result.padBefore - result.padAfter
    }
    guard result.output >= 1 else {
      throw invalid("the padding of spatial axis \(axis) leaves nothing of an output of \(whole)")
    }
    return result
  }

  public func layout(_ context: LayoutContext) -> LayoutPolicy {
    .channelsLast(inputs: epilogue.hasResidual ? [0, context.inputs.count - 1] : [0], outputs: [0])
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Widening.kernel(self, context, of: Widening.floats) { return kernel }
    let x = try context.input(0), w = try context.input(1)
    var axes: [WindowAxis] = []
    for axis in 0..<(x.shape.rank - 2) {
      axes.append(
        try self.axis(
          axis, of: x.shape.rank - 2, input: x.shape[axis + 2], kernel: Array(w.shape.dims[2...]), context.node))
    }
    return try Convolution(context, axes: axes, groups: groups, isTransposed: true, epilogue: epilogue).kernel(context)
  }

  public func fusing(_ activation: Activation) -> ConvTranspose? { with(epilogue.fusing(activation)) }
  public func folding(scale: [Float], shift: [Float]) -> ConvTranspose? {
    with(epilogue.folding(scale: scale, shift: shift))
  }
  public func fusingResidual() -> ConvTranspose? { with(epilogue.fusingResidual()) }

  private func with(_ epilogue: FusedEpilogue?) -> ConvTranspose? {
    guard let epilogue else { return nil }
    var fused = self
    fused.epilogue = epilogue
    return fused
  }
}
