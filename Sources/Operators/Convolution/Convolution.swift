import CKernels
import GraphIR
import Tensors

/// A convolution, plain or transposed, of fixed shapes: what its kernel needs, worked out.
///
/// Volumes are computed as images: each slice of the output is the sum, over the slices of the input that reach it, of
/// the convolution with one slice of the weights.
struct Convolution: @unchecked Sendable {
  /// One input slice and one slice of the weights that go into an output slice.
  private struct Tap: Sendable {
    var slice: Int
    var weights: Int
  }

  private let isTransposed: Bool
  private var shape = vz_conv_shape()
  /// `[output slice]`: what goes into it.
  private let taps: [[Tap]]
  private let channels: Int
  private let weightShape: Shape
  private let hasConstantWeights: Bool
  private let epilogue: FusedEpilogue
  private let biasInput: Int?
  private let residualInput: Int?
  private let x: ChannelsLastOperand
  private let y: ChannelsLastOperand
  private let residual: ChannelsLastOperand?
  private var plan = ScratchPlan()

  /// - Parameter axes: the window along every spatial axis.
  init(
    _ context: KernelContext, axes: [WindowAxis], groups: Int, isTransposed: Bool, epilogue: FusedEpilogue
  ) throws(OperatorError) {
    self.isTransposed = isTransposed
    self.epilogue = epilogue
    let input = try context.input(0), weights = try context.input(1), output = try context.output(0)
    let inputCount = context.inputs.count - (epilogue.hasResidual ? 1 : 0)
    residualInput = epilogue.hasResidual ? inputCount : nil
    biasInput = inputCount > 2 && context.has(2) ? 2 : nil
    for index in 0..<context.inputs.count { try context.expectFloat32(index) }
    weightShape = weights.shape
    hasConstantWeights = context.constant(1) != nil
    channels = isTransposed ? weights.shape[1] * groups : weights.shape[0]
    guard output.shape[1] == channels, weights.shape.count > 0 || output.count == 0 else {
      throw context.invalid("weights of shape \(weights.shape) do not give an output of shape \(output.shape)")
    }
    guard weights.layout == .rowMajor else { throw context.invalid("weights must be row-major") }

    let driverScratch = plan.reserve(0)
    precondition(driverScratch == 0)
    let all = triple(axes, filledWith: WindowAxis(input: 1, output: 1, kernel: 1, stride: 1, dilation: 1))
    guard all.0.output <= 1 << 20, all.0.kernel <= 1 << 10 else {
      throw context.unsupported("volumes of \(all.0.output) slices are not implemented")
    }
    taps = Self.taps(all.0, isTransposed: isTransposed)
    shape.batch = input.shape[0]
    (shape.in_h, shape.in_w, shape.in_c) = (all.1.input, all.2.input, input.shape[1])
    (shape.out_h, shape.out_w, shape.out_c) = (all.1.output, all.2.output, channels)
    (shape.kernel_h, shape.kernel_w) = (all.1.kernel, all.2.kernel)
    (shape.stride_h, shape.stride_w) = (all.1.stride, all.2.stride)
    (shape.dilation_h, shape.dilation_w) = (all.1.dilation, all.2.dilation)
    (shape.pad_top, shape.pad_left) = (all.1.padBefore, all.2.padBefore)
    shape.groups = groups

    var staging = ScratchPlan()
    x = ChannelsLastOperand(input, &staging)
    y = ChannelsLastOperand(output, &staging)
    residual = try residualInput.map { index throws(OperatorError) in
      let operand = try context.input(index)
      guard operand.shape == output.shape else {
        throw context.invalid("the residual has shape \(operand.shape), the output \(output.shape)")
      }
      return ChannelsLastOperand(operand, &staging)
    }
    (shape.in_ld, shape.in_row, shape.in_batch) = (x.pixel, x.row, x.image)
    (shape.out_ld, shape.out_row, shape.out_batch) = (y.pixel, y.row, y.image)
    stagingByteCount = staging.byteCount
    threads = UInt32(context.target.threads)
    savesMemory = context.target.savesMemory
    if let scale = epilogue.scale, scale.count != channels {
      throw context.invalid("\(scale.count) folded scales do not fit \(channels) channels")
    }
  }

  private let stagingByteCount: Int
  private let savesMemory: Bool
  private let threads: UInt32

  /// One filter for each channel.
  private var isDepthwise: Bool {
    !isTransposed && shape.groups > 1 && shape.groups == shape.in_c && channels == shape.in_c
      && shape.kernel_h <= Int(VZ_DEPTHWISE_ROWS)
  }

  private static func taps(_ depth: WindowAxis, isTransposed: Bool) -> [[Tap]] {
    (0..<depth.output).map { output in
      (0..<depth.kernel).compactMap { k in
        if isTransposed {
          let reached = output + depth.padBefore - k * depth.dilation
          guard reached >= 0, reached % depth.stride == 0, reached / depth.stride < depth.input else { return nil }
          return Tap(slice: reached / depth.stride, weights: k)
        }
        let slice = output * depth.stride + k * depth.dilation - depth.padBefore
        return 0..<depth.input ~= slice ? Tap(slice: slice, weights: k) : nil
      }
    }
  }

  /// Slices of the weights along depth.
  private var weightSlices: Int { weightShape.rank == 5 ? weightShape[2] : 1 }

  func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    guard try context.output(0).count > 0 else { return Kernel { _ in } }
    var plan = ScratchPlan()
    let driver = plan.reserve(
      isTransposed ? withUnsafePointer(to: shape) { vz_conv_transpose_scratch_bytes($0, threads) }
        : isDepthwise ? 0 : withUnsafePointer(to: shape) { vz_conv_scratch_bytes($0, threads) })
    precondition(driver == 0)
    let staging = plan.reserve(stagingByteCount)
    var retained: [TensorBuffer] = []
    var unread: Set<Int> = []

    let packing = Packing(self, context.target.kernels)
    let packedAt: Int, sliceAt: Int
    let packed: Captured<UnsafeMutableRawPointer>?
    if let constant = context.constant(1) {
      let level = String(cString: vz_cpu_name(context.target.level))
      let purpose = "convolution/\(level)/\(packing.name)"
      let sliceByteCount = weightSlices > 1 ? constant.byteCount / weightSlices : 0
      let buffer = context.packed(purpose, byteCount: packing.byteCount, isIntact: packing.isLaidOut) { bytes in
        let slice = TensorBuffer(byteCount: sliceByteCount, isZeroed: false)
        packing.pack(constant.baseAddress.assumingMemoryBound(to: Float.self), slice.base, into: bytes)
        withExtendedLifetime((constant, slice)) {}
      }
      retained.append(buffer)
      unread.insert(1)
      packed = Captured(buffer.base)
      (packedAt, sliceAt) = (0, 0)
    } else {
      packed = nil
      packedAt = plan.reserve(packing.byteCount)
      sliceAt = plan.reserve(floats: weightSlices > 1 ? weightShape.count / weightSlices : 0)
    }

    let bias = try makeBias(context, &plan)
    if let buffer = bias.buffer {
      retained.append(buffer)
      if let biasInput { unread.insert(biasInput) }
    }
    let (act, slopes) = try epilogue.action(channels: channels, context)
    if let slopes { retained.append(slopes) }
    let action = Captured(act)
    let scratch = plan

    return Kernel(
      scratchByteCount: scratch.byteCount, retained: retained + packing.retained, unreadInputs: unread
    ) { operands in
      let exec = operands.exec, memory = exec.pointee.scratch
      let packedWeights: UnsafeRawPointer
      if let packed {
        packedWeights = UnsafeRawPointer(packed.value)
      } else {
        packing.pack(operands.input(1), memory! + sliceAt, into: memory! + packedAt)
        packedWeights = UnsafeRawPointer(memory! + packedAt)
      }
      let room = memory.map { $0 + staging }
      let source = x.read(operands.rawInput(0), exec, room)
      let target = y.target(operands.rawOutput(0), room)
      var ending = vz_epilogue()
      ending.bias = bias.values(operands, memory)
      ending.act = action.value
      ending.residual_after = epilogue.residual == .afterActivation
      if let residual, let residualInput {
        ending.residual = residual.read(operands.rawInput(residualInput), exec, room)
        (ending.residual_ld, ending.residual_row, ending.residual_batch) = (residual.pixel, residual.row, residual.image)
      }
      run(exec, source, packedWeights, packing.sliceByteCount, &ending, target)
      y.write(target, to: operands.rawOutput(0), exec)
    }
  }

  private func run(
    _ exec: UnsafePointer<vz_exec>, _ source: UnsafePointer<Float>, _ weights: UnsafeRawPointer, _ sliceByteCount: Int,
    _ ending: inout vz_epilogue, _ target: UnsafeMutablePointer<Float>
  ) {
    let residualSlice = residual?.slice ?? 0
    for (output, taps) in taps.enumerated() {
      let to = target + output * y.slice
      var whole = ending
      whole.residual = ending.residual.map { $0 + output * residualSlice }
      if taps.count == 1 {
        call(exec, shape, source + taps[0].slice * x.slice, weights + taps[0].weights * sliceByteCount, &whole, to)
        continue
      }
      if taps.isEmpty {
        // Nothing reaches this slice: a window pushed outside the input sums zeros.
        var outside = shape
        outside.pad_top = isTransposed
          ? (shape.in_h + shape.out_h) * shape.stride_h + shape.kernel_h * shape.dilation_h
          : (shape.out_h + 1) * shape.stride_h + shape.kernel_h * shape.dilation_h
        call(exec, outside, source, weights, &whole, to)
        continue
      }
      // The first tap stores bias and residual, the last applies the activation, each adds to the one before.
      for (index, tap) in taps.enumerated() {
        var part = vz_epilogue()
        if index == 0 {
          part.bias = whole.bias
          if !whole.residual_after {
            (part.residual, part.residual_ld, part.residual_row, part.residual_batch) =
              (whole.residual, whole.residual_ld, whole.residual_row, whole.residual_batch)
          }
        } else {
          (part.residual, part.residual_ld, part.residual_row, part.residual_batch) =
            (UnsafePointer(to), y.pixel, y.row, y.image)
        }
        if index == taps.count - 1 { part.act = whole.act }
        call(exec, shape, source + tap.slice * x.slice, weights + tap.weights * sliceByteCount, &part, to)
      }
      if whole.residual_after, let added = whole.residual { add(added, to) }
    }
  }

  private func call(
    _ exec: UnsafePointer<vz_exec>, _ shape: vz_conv_shape, _ source: UnsafePointer<Float>, _ weights: UnsafeRawPointer,
    _ ending: inout vz_epilogue, _ target: UnsafeMutablePointer<Float>
  ) {
    withUnsafePointer(to: shape) { shape in
      if isTransposed {
        vz_conv_transpose_f32(exec, shape, source, weights, &ending, target)
      } else if isDepthwise {
        vz_depthwise_f32(exec, shape, source, weights, &ending, target)
      } else {
        vz_conv_f32(exec, shape, source, weights, &ending, target)
      }
    }
  }

  /// Adds one slice of a residual to one slice of the output.
  private func add(_ added: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>) {
    guard let residual else { return }
    for n in 0..<shape.batch {
      for h in 0..<shape.out_h {
        for w in 0..<shape.out_w {
          let to = target + n * y.image + h * y.row + w * y.pixel
          let from = added + n * residual.image + h * residual.row + w * residual.pixel
          for c in 0..<channels { to[c] += from[c] }
        }
      }
    }
  }
}

extension Convolution {
  /// How the weights are packed for the drivers.
  struct Packing: @unchecked Sendable {
    private let isTransposed: Bool
    private let isDepthwise: Bool
    private let shape: vz_conv_shape
    private let kernels: UnsafePointer<vz_kernels>
    private let weightShape: Shape
    private let slices: Int
    private let scale: TensorBuffer?
    private let algorithm: vz_conv_algorithm
    /// Bytes of one slice, a multiple of the alignment.
    let sliceByteCount: Int
    /// Bytes at the end of a slice that are not used.
    private let spareByteCount: Int

    fileprivate init(_ convolution: Convolution, _ kernels: UnsafePointer<vz_kernels>) {
      isTransposed = convolution.isTransposed
      isDepthwise = convolution.isDepthwise
      shape = convolution.shape
      weightShape = convolution.weightShape
      slices = convolution.weightSlices
      self.kernels = kernels
      scale = convolution.epilogue.scale.map { values in
        let buffer = TensorBuffer(byteCount: values.count * 4)
        buffer.base.copyMemory(from: values, byteCount: values.count * 4)
        return buffer
      }
      // Weights that come with every run are packed for every run: then the least packing is best.
      let choosesFreely = !isTransposed && !isDepthwise && convolution.hasConstantWeights
      algorithm = choosesFreely && !convolution.savesMemory
        ? withUnsafePointer(to: shape) { vz_conv_choose($0) } : VZ_CONV_AUTO
      let (algorithm, isDepthwise) = (self.algorithm, self.isDepthwise)
      let byteCount = withUnsafePointer(to: shape) { shape in
        convolution.isTransposed
          ? vz_conv_transpose_pack_bytes(kernels, shape)
          : isDepthwise ? vz_depthwise_pack_bytes(kernels, shape) : vz_conv_pack_bytes(kernels, shape, algorithm)
      }
      sliceByteCount = (byteCount + 63) / 64 * 64
      spareByteCount = sliceByteCount - byteCount
    }

    var byteCount: Int { sliceByteCount * slices }

    /// How the weights are packed, for the cache.
    var name: String { isTransposed ? "transposed" : isDepthwise ? "depthwise" : "\(algorithm.rawValue)" }
    var retained: [TensorBuffer] { scale.map { [$0] } ?? [] }

    /// Whether packed bytes have the headers that the drivers trust.
    func isLaidOut(_ packed: UnsafeRawPointer) -> Bool {
      guard !isDepthwise else { return true }
      return withUnsafePointer(to: shape) { shape in
        (0..<slices).allSatisfy { index in
          let slice = packed + index * sliceByteCount
          return isTransposed
            ? vz_conv_transpose_pack_fits(kernels, shape, slice)
            : vz_conv_pack_fits(kernels, shape, algorithm, slice)
        }
      }
    }

    /// Packs every slice of the weights. `slice` has room for one slice if there are several.
    func pack(_ weights: UnsafePointer<Float>, _ slice: UnsafeMutableRawPointer, into target: UnsafeMutableRawPointer) {
      let scale = self.scale.map { UnsafePointer($0.base.assumingMemoryBound(to: Float.self)) }
      for index in 0..<slices {
        var source = weights
        if slices > 1 {
          let plane = weightShape[3] * weightShape[4]
          let gathered = slice.assumingMemoryBound(to: Float.self)
          for pair in 0..<(weightShape[0] * weightShape[1]) {
            (gathered + pair * plane).update(from: weights + (pair * slices + index) * plane, count: plane)
          }
          source = UnsafePointer(gathered)
        }
        withUnsafePointer(to: shape) { shape in
          if isTransposed {
            vz_conv_transpose_pack_f32(kernels, shape, source, scale, target + index * sliceByteCount)
          } else if isDepthwise {
            vz_depthwise_pack_f32(kernels, shape, source, scale, target + index * sliceByteCount)
          } else {
            vz_conv_pack_f32(kernels, shape, algorithm, source, scale, target + index * sliceByteCount)
          }
        }
        let end = target + (index + 1) * sliceByteCount
        (end - spareByteCount).initializeMemory(as: UInt8.self, repeating: 0, count: spareByteCount)
      }
    }
  }

  /// Where the summand of every output channel comes from.
  fileprivate struct Bias: @unchecked Sendable {
    /// Worked out at preparation.
    var buffer: TensorBuffer?
    /// An input taken as it is.
    var input: Int?
    /// An input scaled and shifted into scratch memory at every run.
    var computed: (input: Int, scratch: Int, scaleAndShift: TensorBuffer, count: Int)?

    func values(_ operands: Operands, _ scratch: UnsafeMutableRawPointer?) -> UnsafePointer<Float>? {
      if let buffer { return UnsafePointer(buffer.base.assumingMemoryBound(to: Float.self)) }
      if let input { return operands.input(input) }
      guard let computed, let scratch else { return nil }
      let target = (scratch + computed.scratch).assumingMemoryBound(to: Float.self)
      let source = operands.input(computed.input, as: Float.self)
      let factors = computed.scaleAndShift.base.assumingMemoryBound(to: Float.self)
      for c in 0..<computed.count { target[c] = source[c] * factors[c] + factors[computed.count + c] }
      return UnsafePointer(target)
    }
  }

  fileprivate func makeBias(_ context: KernelContext, _ plan: inout ScratchPlan) throws(OperatorError) -> Bias {
    let count = channels
    if let biasInput, try context.input(biasInput).count != count {
      throw context.invalid("input \(biasInput) has shape \(try context.input(biasInput).shape) instead of [\(count)]")
    }
    let constant = biasInput.flatMap { context.constant($0) }
    guard let scale = epilogue.scale, let shift = epilogue.shift else {
      guard let constant else { return Bias(input: biasInput) }
      let buffer = TensorBuffer(byteCount: count * 4)
      buffer.base.copyMemory(from: constant.baseAddress, byteCount: count * 4)
      return Bias(buffer: buffer)
    }
    if let biasInput, constant == nil {
      let factors = TensorBuffer(byteCount: count * 8)
      factors.base.copyMemory(from: scale, byteCount: count * 4)
      (factors.base + count * 4).copyMemory(from: shift, byteCount: count * 4)
      return Bias(computed: (biasInput, plan.reserve(floats: count), factors, count))
    }
    let own = constant.map { $0.elements(as: Float.self) } ?? [Float](repeating: 0, count: count)
    let buffer = TensorBuffer(byteCount: count * 4)
    let values = buffer.base.assumingMemoryBound(to: Float.self)
    for c in 0..<count { values[c] = own[c] * scale[c] + shift[c] }
    return Bias(buffer: buffer)
  }
}
