import CKernels
import GraphIR
import Tensors

/// Convolution of 8-bit integers, summed up in 32 bits: what `ConvInteger` and `QLinearConv` share.
struct IntegerConvolution: @unchecked Sendable {
  /// Which inputs of the node hold what; nil where there is no zero point.
  struct Inputs: Hashable, Sendable {
    var x: Int
    var weights: Int
    var xZero: Int?
    var weightZero: Int?
  }

  private let inputs: Inputs
  private let job: vz_int_conv
  private let filters: Int
  private let terms: Int
  private let row: Int
  private let xType: DataType
  private let weightType: DataType
  private let zeroCount: Int
  /// The weights widened, if they and their zero points are constant.
  let packed: TensorBuffer?
  private let packedOffset: Int
  let scratchByteCount: Int

  var unread: Set<Int> { packed == nil ? [] : Set([inputs.weights, inputs.weightZero].compactMap { $0 }) }

  init(
    _ inputs: Inputs, window: SlidingWindow, groups: Int, _ context: KernelContext
  ) throws(OperatorError) {
    self.inputs = inputs
    let x = try context.input(inputs.x), w = try context.input(inputs.weights), y = try context.output(0)
    let axes = try window.axes(of: x.shape.dims[2...], kernel: Array(w.shape.dims[2...]), context)
    filters = w.shape[0]
    var job = vz_int_conv()
    job.batch = x.shape[0]
    job.groups = groups
    job.channels = w.shape[1]
    job.filters = filters / groups
    job.in = triple(axes.map(\.input), filledWith: 1)
    job.out = triple(axes.map(\.output), filledWith: 1)
    job.kernel = triple(axes.map(\.kernel), filledWith: 1)
    job.stride = triple(axes.map(\.stride), filledWith: 1)
    job.dilation = triple(axes.map(\.dilation), filledWith: 1)
    job.pad = triple(axes.map(\.padBefore), filledWith: 0)
    job.x_signed = x.dataType == .int8
    job.y_signed = y.dataType == .int8
    self.job = job
    (xType, weightType) = (x.dataType, w.dataType)
    terms = w.shape.count(1..<w.shape.rank)
    row = withUnsafePointer(to: job) { vz_int_conv_row($0) }
    zeroCount = try inputs.weightZero.map { index throws(OperatorError) in try context.input(index).count } ?? 1
    guard zeroCount == 1 || zeroCount == filters else {
      throw context.invalid("there are \(zeroCount) zero points for \(filters) filters")
    }
    if let index = inputs.xZero, try context.input(index).count != 1 {
      throw context.invalid("the input has \(try context.input(index).count) zero points instead of one")
    }
    var plan = ScratchPlan()
    _ = plan.reserve(withUnsafePointer(to: job) { vz_int_conv_scratch_bytes($0, UInt32(context.target.threads)) })
    let zeros = inputs.weightZero.map { context.constant($0) }
    let byteCount = max(filters * row * 2, 2)
    let (filters, terms, row, type, zeroCount) = (filters, terms, row, w.dataType, zeroCount)
    if let tensor = w.constant, zeros == nil || zeros! != nil {
      packed = context.packed("integer", byteCount: byteCount) { target in
        Self.widen(
          tensor.baseAddress, (zeros ?? nil).map { ($0.baseAddress, zeroCount) }, type, filters: filters, terms: terms,
          row: row, target.assumingMemoryBound(to: Int16.self))
      }
      packedOffset = 0
    } else {
      packed = nil
      packedOffset = plan.reserve(byteCount)
    }
    scratchByteCount = plan.byteCount
  }

  private static func widen(
    _ weights: UnsafeRawPointer, _ zeros: (UnsafeRawPointer, count: Int)?, _ type: DataType, filters: Int, terms: Int,
    row: Int, _ target: UnsafeMutablePointer<Int16>
  ) {
    for filter in 0..<filters {
      let zero = zeros.map { ElementAccess.integer($0.0, $0.count == 1 ? 0 : filter, type) } ?? 0
      for term in 0..<terms {
        let value = ElementAccess.integer(weights, filter * terms + term, type)
        target[filter * row + term] = Int16(truncatingIfNeeded: value - zero)
      }
      if terms < row { target[filter * row + terms] = 0 }
    }
  }

  func run(_ operands: Operands, _ ending: vz_int_conv_ending) {
    var weights = packed.map { $0.base.assumingMemoryBound(to: Int16.self) }
    if weights == nil {
      let target = (operands.exec.pointee.scratch! + packedOffset).assumingMemoryBound(to: Int16.self)
      Self.widen(
        operands.rawInput(inputs.weights), inputs.weightZero.map { (operands.rawInput($0), zeroCount) }, weightType,
        filters: filters, terms: terms, row: row, target)
      weights = target
    }
    let zero = inputs.xZero.map { Int32(ElementAccess.integer(operands.rawInput($0), 0, xType)) } ?? 0
    withUnsafePointer(to: job) { job in
      withUnsafePointer(to: ending) { ending in
        vz_int_conv_run(operands.exec, job, operands.rawInput(inputs.x), zero, weights, ending, operands.rawOutput(0))
      }
    }
  }
}

extension InferenceContext {
  /// The extents of a convolution of inputs `x` and `w`, checked; nil when no rank is known.
  func convolutionDims(x: Int, w: Int, window: SlidingWindow, groups: Int) throws(OperatorError) -> [Dimension]? {
    let xDims = try dims(x, rank: 3...5), wDims = try dims(w, rank: 3...5)
    guard let rank = xDims?.count ?? wDims?.count else { return nil }
    guard (xDims?.count ?? rank) == (wDims?.count ?? rank) else {
      throw invalid("weights of shape \(TensorType(nil, wDims).extents) do not fit the input's rank")
    }
    if let channels = xDims?[1].value, let own = wDims?[1].value, !channels.isMultiple(of: groups) || channels / groups != own {
      throw invalid("\(channels) channels in \(groups) groups do not fit weights for \(own) channels each")
    }
    if let count = wDims?[0].value, !count.isMultiple(of: groups) {
      throw invalid("\(count) filters do not fall into \(groups) groups")
    }
    var space = [Dimension](repeating: .unknown, count: rank - 2)
    let own = wDims.flatMap { TensorType(nil, Array($0[2...])).shape?.dims }
    if let kernel = window.kernel ?? own, let xDims {
      if let own { try window.expect(rank: rank - 2, kernel: own, node) }
      space = try window.outputs(of: Array(xDims[2...]), kernel: kernel, self)
    }
    let batch = xDims?[0] ?? .unknown, filters = wDims?[0] ?? .unknown
    let leading: [Dimension] = [batch, filters]
    return leading + space
  }
}
