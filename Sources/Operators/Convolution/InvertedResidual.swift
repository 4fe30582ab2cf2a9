import CKernels
import GraphIR
import Tensors

/// A 1 × 1 convolution to many channels, a depthwise one, and a 1 × 1 convolution back, computed a few rows at a time.
///
/// Made by the compiler; it has no form in ONNX. Inputs are X, weights and bias of each convolution (biases may be
/// absent), what is resampled and added before the first activation (or absent), and the last one's residual (or absent).
public struct InvertedResidual: Operator {
  public static let domain = "viseme"
  public static let name = "InvertedResidual"
  public static let signatures = [Signature(name, domain: domain)]
  static let (lowInput, residualInput) = (7, 8)
  /// Bytes of the rows between the products up to which the block pays: they must stay in a second-level cache.
  private static let mostRowBytes = 768 << 10
  /// Bytes of the weights, which are read for every few rows.
  private static let mostWeightBytes = 320 << 10
  /// Bytes of the expanded image below which it stays in cache by itself.
  private static let fewestImageBytes = 1 << 20

  /// Expanding, depthwise, projecting.
  let convolutions: Triple<Conv>
  /// How input 7 comes to the image's size.
  let resampling: Resampling?
  let outputShape: Shape

  /// A resize of images, and what the shapes and constants of its node were.
  public struct Resampling: Sendable {
    let tables: (h: ResampleTable, w: ResampleTable)

    /// Nil when the resize is not one of images, or has too many taps.
    public init?(_ resize: Resize, _ node: Node, from x: Shape, constants: [Tensor?]) {
      guard let tables = resize.imageTables(node, from: x, constants: constants),
        max(tables.h.taps, tables.w.taps) <= Int(VZ_INVERTED_TAPS)
      else { return nil }
      self.tables = tables
    }
  }

  /// Why three convolutions in a row are not computed together.
  public enum Obstacle: Error {
    case notABlock
    case because(String)
  }

  /// - Parameters:
  ///   - shapes: of X, of the three weights, and of the output.
  public init(
    _ convolutions: (Conv, Conv, Conv), shapes: (x: Shape, expand: Shape, filter: Shape, project: Shape, output: Shape),
    resampling: Resampling?
  ) throws(Obstacle) {
    let (expand, filter, project) = convolutions
    guard expand.isPointwise(weights: shapes.expand), filter.isDepthwise(weights: shapes.filter),
      project.isPointwise(weights: shapes.project)
    else { throw .notABlock }
    guard expand.addsBeforeActivation == (resampling != nil), expand.hasResidual == (resampling != nil),
      !filter.hasResidual
    else { throw .because("something is added between its convolutions") }
    guard shapes.filter[2] <= Int(VZ_DEPTHWISE_ROWS) else { throw .because("its filters are too high") }
    self.convolutions = convolutions
    self.resampling = resampling
    outputShape = shapes.output
    let hidden = shapes.expand[0], pixels = shapes.x[2] * shapes.x[3]
    guard hidden * pixels * 4 >= Self.fewestImageBytes else { throw .because("its channels stay in cache by themselves") }
    guard (shapes.expand.count + shapes.project.count) * 4 <= Self.mostWeightBytes else {
      throw .because("its weights are too large to be read for every few rows")
    }
    guard let block = block(x: shapes.x, hidden: hidden, kernel: Array(shapes.filter.dims[2...])),
      withUnsafePointer(to: block, { vz_inverted_rows_bytes($0, resampling != nil) }) <= Self.mostRowBytes
    else { throw .because("its rows do not stay in cache") }
  }

  public init(_ node: NodeReader) throws(OperatorError) {
    throw node.invalid("it is made by the compiler and cannot be read from a model")
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    [.tensor(TensorType(.float32, outputShape))]
  }

  public func layout(_ context: LayoutContext) -> LayoutPolicy {
    .channelsLast(inputs: [0, Self.lowInput, Self.residualInput], outputs: [0])
  }

  /// The sizes of the block; nil where the window does not fit the image.
  private func block(x: Shape, hidden: Int, kernel: [Int]) -> vz_inverted? {
    let window = convolutions.1.window
    guard let rows = window.axis(0, of: 2, input: x[2], kernel: kernel[0]),
      let columns = window.axis(1, of: 2, input: x[3], kernel: kernel[1]), rows.output == outputShape[2],
      columns.output == outputShape[3]
    else { return nil }
    var block = vz_inverted()
    block.middle.batch = x[0]
    (block.middle.in_c, block.middle.out_c, block.middle.groups) = (hidden, hidden, hidden)
    (block.middle.in_h, block.middle.in_w) = (rows.input, columns.input)
    (block.middle.out_h, block.middle.out_w) = (rows.output, columns.output)
    (block.middle.kernel_h, block.middle.kernel_w) = (rows.kernel, columns.kernel)
    (block.middle.stride_h, block.middle.stride_w) = (rows.stride, columns.stride)
    (block.middle.dilation_h, block.middle.dilation_w) = (rows.dilation, columns.dilation)
    (block.middle.pad_top, block.middle.pad_left) = (rows.padBefore, columns.padBefore)
    (block.in_c, block.out_c) = (x[1], outputShape[1])
    (block.in_ld, block.out_ld) = (block.in_c, block.out_c)
    if let (h, w) = resampling?.tables {
      (block.up_h.in, block.up_h.out, block.up_h.taps) = (h.input, h.output, h.taps)
      (block.up_w.in, block.up_w.out, block.up_w.taps) = (w.input, w.output, w.taps)
    }
    return block
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    for index in context.inputs.indices where context.has(index) { try context.expectFloat32(index) }
    let x = try context.input(0), y = try context.output(0)
    let weights = try (0..<3).map { index throws(OperatorError) in try constant(1 + 2 * index, context) }
    let filter = weights[1].shape
    guard var block = block(x: x.shape, hidden: filter[0], kernel: Array(filter.dims[2...])), y.shape == outputShape
    else { throw context.invalid("its window does not give an output of shape \(outputShape)") }
    (block.in_ld, block.out_ld) = (try pixelStride(x, context), try pixelStride(y, context))

    var retained: [TensorBuffer] = []
    let packed = try (0..<3).map { index throws(OperatorError) in
      let buffer = try pack(weights[index], index, block.middle, context)
      retained.append(buffer)
      return UnsafeRawPointer(buffer.base)
    }
    (block.w1, block.w2, block.w3) = (packed[0], packed[1], packed[2])
    var summands: [UnsafePointer<Float>] = []
    var acts: [vz_act] = []
    for (index, convolution) in [convolutions.0, convolutions.1, convolutions.2].enumerated() {
      let channels = weights[index].shape[0]
      let own = try context.has(2 + 2 * index) ? constant(2 + 2 * index, context).elements(as: Float.self) : nil
      let buffer = Self.kept(convolution.epilogue.summands(bias: own, channels: channels))
      let (act, slopes) = try convolution.epilogue.action(channels: channels, context)
      retained += [buffer] + (slopes.map { [$0] } ?? [])
      summands.append(UnsafePointer(buffer.base.assumingMemoryBound(to: Float.self)))
      acts.append(act)
    }
    (block.bias1, block.bias2, block.act1, block.act2) = (summands[0], summands[1], acts[0], acts[1])
    if let (h, w) = resampling?.tables {
      for (table, path) in [(h, \vz_inverted.up_h), (w, \vz_inverted.up_w)] {
        let indices = Self.kept(table.indices)
        block[keyPath: path].index = UnsafePointer(indices.base.assumingMemoryBound(to: Int32.self))
        retained.append(indices)
        guard let values = table.weights.map(Self.kept) else { continue }
        block[keyPath: path].weight = UnsafePointer(values.base.assumingMemoryBound(to: Float.self))
        retained.append(values)
      }
    }
    var ending = vz_epilogue()
    (ending.bias, ending.act) = (summands[2], acts[2])
    ending.residual_after = convolutions.2.epilogue.residual == .afterActivation
    if convolutions.2.hasResidual {
      ending.residual_ld = try pixelStride(context.input(Self.residualInput), context)
    }
    let hasLow = resampling != nil
    if hasLow, try pixelStride(context.input(Self.lowInput), context) != filter[0] {
      throw context.invalid("input \(Self.lowInput) has gaps between its pixels")
    }
    let scratch = withUnsafePointer(to: block) { vz_inverted_scratch_bytes($0, hasLow, UInt32(context.target.threads)) }
    let captured = Captured((block, ending))
    let hasResidual = convolutions.2.hasResidual
    return Kernel(scratchByteCount: scratch, retained: retained, unreadInputs: Set(1...6)) { operands in
      var (block, ending) = captured.value
      if hasResidual { ending.residual = operands.input(Self.residualInput) }
      vz_inverted_f32(
        operands.exec, &block, operands.input(0), hasLow ? operands.input(Self.lowInput) : nil, &ending,
        operands.output(0))
    }
  }

  private func constant(_ index: Int, _ context: KernelContext) throws(OperatorError) -> Tensor {
    guard let tensor = context.constant(index) else { throw context.invalid("input \(index) is not constant") }
    return tensor
  }

  /// Floats between pixels, rows and images following one another without gaps.
  private func pixelStride(_ operand: Operand, _ context: KernelContext) throws(OperatorError) -> Int {
    guard case .channelsLast(let stride) = operand.layout else {
      throw context.invalid("an operand is not channels-last")
    }
    return stride
  }

  private static func kept<Element>(_ values: [Element]) -> TensorBuffer {
    let byteCount = values.count * MemoryLayout<Element>.stride
    let buffer = TensorBuffer(byteCount: byteCount)
    values.withUnsafeBytes { bytes in
      if let base = bytes.baseAddress { buffer.base.copyMemory(from: base, byteCount: byteCount) }
    }
    return buffer
  }

  private func pack(
    _ weights: Tensor, _ index: Int, _ middle: vz_conv_shape, _ context: KernelContext
  ) throws(OperatorError) -> TensorBuffer {
    let convolution = index == 0 ? convolutions.0 : index == 1 ? convolutions.1 : convolutions.2
    let scale = convolution.epilogue.scale
    if let scale, scale.count != weights.shape[0] {
      throw context.invalid("\(scale.count) folded scales do not fit \(weights.shape[0]) channels")
    }
    var shape = middle
    if index != 1 {
      (shape.in_c, shape.out_c, shape.groups) = (weights.shape[1], weights.shape[0], 1)
      (shape.kernel_h, shape.kernel_w, shape.stride_h, shape.stride_w) = (1, 1, 1, 1)
      (shape.dilation_h, shape.dilation_w, shape.pad_top, shape.pad_left) = (1, 1, 0, 0)
    }
    let kernels = context.target.kernels
    let isFilter = index == 1
    let byteCount = withUnsafePointer(to: shape) {
      isFilter ? vz_depthwise_pack_bytes(kernels, $0) : vz_conv_pack_bytes(kernels, $0, VZ_CONV_DIRECT)
    }
    let level = String(cString: vz_cpu_name(context.target.level))
    let (table, whole) = (Captured(kernels), Captured(shape))
    let isIntact = { @Sendable (packed: UnsafeRawPointer) in
      isFilter || withUnsafePointer(to: whole.value) { vz_conv_pack_fits(table.value, $0, VZ_CONV_DIRECT, packed) }
    }
    return context.packed(
      "inverted/\(index)/\(weights.shape)/\(level)", byteCount: max(byteCount, 64), isIntact: isIntact
    ) { target in
      let factors = scale.map(Self.kept)
      let values = factors.map { UnsafePointer($0.base.assumingMemoryBound(to: Float.self)) }
      let source = weights.baseAddress.assumingMemoryBound(to: Float.self)
      withUnsafePointer(to: whole.value) {
        if isFilter {
          vz_depthwise_pack_f32(table.value, $0, source, values, target)
        } else {
          vz_conv_pack_f32(table.value, $0, VZ_CONV_DIRECT, source, values, target)
        }
      }
      withExtendedLifetime((weights, factors)) {}
    }
  }
}
