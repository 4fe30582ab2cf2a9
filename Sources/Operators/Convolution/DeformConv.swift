import GraphIR
import Tensors

/// ONNX `DeformConv`: a convolution whose taps read, by linear interpolation, where offsets move them, and weigh what
/// they read by a mask.
///
/// Offsets are `[batch, offset groups · taps · axes, space]`, the mask `[batch, offset groups · taps, space]`. Outside of
/// the input everything is 0.
public struct DeformConv: Operator {
  public static let signatures = [Signature("DeformConv", versions: 19...Signature.newestOpset)]

  /// Output positions whose columns are made at a time.
  fileprivate static let tile = 64

  private let window: SlidingWindow
  private let groups: Int
  private let offsetGroups: Int

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(3...5)
    window = try SlidingWindow(node)
    groups = try node.int("group", default: 1)
    offsetGroups = try node.int("offset_group", default: 1)
    guard groups >= 1, offsetGroups >= 1 else { throw node.invalid("“group” and “offset_group” must be positive") }
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.elementType(0, in: DataType.floats)
    try context.expectSameElementType(0, 1, 2, 3, 4)
    let ranks = 3...5
    let x = try context.dims(0, rank: ranks), w = try context.dims(1, rank: ranks), offset = try context.dims(2, rank: ranks)
    let mask = context.has(4) ? try context.dims(4, rank: ranks) : nil
    guard let rank = (x ?? w ?? offset ?? mask)?.count else { return [.tensor(TensorType(type, nil as [Dimension]?))] }
    for (index, dims) in [(1, w), (2, offset), (4, mask)] where dims.map({ $0.count != rank }) ?? false {
      throw context.invalid("input \(index) has rank \(dims?.count ?? 0), not \(rank)")
    }
    try context.expectVector(3, count: w?[0])
    if let channels = x?[1].value {
      guard channels % offsetGroups == 0, channels % groups == 0 else {
        throw context.invalid("\(channels) channels cannot be divided into \(groups) groups and \(offsetGroups) offset groups")
      }
      if let own = w?[1].value, own != channels / groups {
        throw context.invalid("the weights read \(own) channels, but a group has \(channels / groups)")
      }
    }
    if let made = w?[0].value, made % groups != 0 {
      throw context.invalid("\(made) output channels cannot be divided into \(groups) groups")
    }
    var dims: [Dimension] = [x?[0] ?? .unknown, w?[0] ?? .unknown]
    let taps = w.flatMap { TensorType(nil, Array($0[2...])).shape }?.dims ?? window.kernel
    if let taps {
      guard let count = Shape(taps).checkedCount, count > 0, taps.allSatisfy({ $0 <= SlidingWindow.largestAttribute }) else {
        throw context.invalid("a kernel of \(taps) has no taps")
      }
      let space = x.map { Array($0[2...]) } ?? [Dimension](repeating: .unknown, count: rank - 2)
      dims += try window.outputs(of: space, kernel: taps, context)
      for (index, own, per) in [(2, offset, rank - 2), (4, mask, 1)] {
        guard let own else { continue }
        let (a, overflow) = offsetGroups.multipliedReportingOverflow(by: count)
        let wanted = a.multipliedReportingOverflow(by: per)
        guard !overflow, !wanted.overflow, own[1].value ?? wanted.partialValue == wanted.partialValue,
          zip(own[2...], dims[2...]).allSatisfy({ $0.mayEqual($1) }),
          own[0].mayEqual(dims[0])
        else {
          throw context.invalid(
            "input \(index) of shape \(TensorType(nil, own).extents) does not fit \(offsetGroups) offset groups of "
              + "\(count) taps and outputs of \(TensorType(nil, dims).extents)")
        }
      }
    } else {
      dims += [Dimension](repeating: .unknown, count: rank - 2)
    }
    return [try context.outputType(type, dims)]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Widening.kernel(self, context) { return kernel }
    switch try context.input(0).dataType {
    case .float64: return try run(context, Double.self)
    default:
      try context.expectFloat32(0, 1, 2, 3, 4)
      return try run(context, Float.self)
    }
  }

  private func run<Number: BinaryFloatingPoint & Sendable>(
    _ context: KernelContext, _: Number.Type
  ) throws(OperatorError) -> Kernel {
    let (input, weights, output) = (try context.input(0), try context.input(1), try context.output(0))
    guard output.count > 0 else { return Kernel { _ in } }
    let axes = try window.axes(of: input.shape.dims[2...], kernel: Array(weights.shape.dims[2...]), context)
    let job = DeformedColumns<Number>(
      channels: input.shape[1], offsetGroups: offsetGroups, axes: axes, hasMask: context.has(4))
    let (made, groups) = (output.shape[1], groups)
    let space = output.shape.count(2..<output.shape.rank)
    let perGroup = weights.shape[1] * job.taps, madePerGroup = made / groups
    let tiles = (space + Self.tile - 1) / Self.tile
    let hasBias = context.has(3)
    return .tasks(
      output.shape[0] * tiles, threads: context.target.threads,
      scratchPerWorker: job.columnCount * Self.tile * MemoryLayout<Number>.stride
    ) { operands, task, scratch in
      let columns = scratch!.assumingMemoryBound(to: Number.self)
      let (batch, tile) = task.quotientAndRemainder(dividingBy: tiles)
      let first = tile * Self.tile, count = min(Self.tile, space - first)
      job.fill(columns, operands, batch: batch, first: first, count: count, space: space)
      let w = operands.input(1, as: Number.self)
      for o in 0..<made {
        let y = operands.output(0, as: Number.self) + (batch * made + o) * space + first
        let start: Number = hasBias ? operands.input(3, as: Number.self)[o] : 0
        for p in 0..<count { y[p] = start }
        let group = columns + o / madePerGroup * perGroup * Self.tile
        for i in 0..<perGroup {
          let (weight, column) = (w[o * perGroup + i], group + i * Self.tile)
          for p in 0..<count { y[p] += weight * column[p] }
        }
      }
    }
  }
}

/// What the taps of a deformed convolution read: one row for every channel and tap, one column for every output position.
private struct DeformedColumns<Number: BinaryFloatingPoint & Sendable>: Sendable {
  let channels: Int
  let offsetGroups: Int
  let axes: [WindowAxis]
  let hasMask: Bool
  let taps: Int
  private let strides: [Int]
  private let plane: Int

  init(channels: Int, offsetGroups: Int, axes: [WindowAxis], hasMask: Bool) {
    self.channels = channels
    self.offsetGroups = offsetGroups
    self.axes = axes
    self.hasMask = hasMask
    taps = axes.reduce(1) { $0 * $1.kernel }
    let shape = Shape(axes.map(\.input))
    (strides, plane) = (shape.rowMajorStrides, shape.count)
  }

  var columnCount: Int { channels * taps }

  /// The corners that a position lies between: offsets in a plane and weights.
  private typealias Corners = (UnsafeMutablePointer<Int>, UnsafeMutablePointer<Number>)

  func fill(
    _ columns: UnsafeMutablePointer<Number>, _ operands: Operands, batch: Int, first: Int, count: Int, space: Int
  ) {
    let rank = axes.count, perGroup = channels / offsetGroups
    let x = operands.input(0, as: Number.self) + batch * channels * plane
    let offsets = operands.input(2, as: Number.self) + batch * offsetGroups * taps * rank * space
    withUnsafeTemporaryAllocation(of: Int.self, capacity: 8) { places in
      withUnsafeTemporaryAllocation(of: Number.self, capacity: 8) { weights in
        for group in 0..<offsetGroups {
          for tap in 0..<taps {
            for p in 0..<count {
              let position = first + p
              let moved = offsets + (group * taps + tap) * rank * space + position
              let corners = corners(tap, position, moved, space, (places.baseAddress!, weights.baseAddress!))
              var factor: Number = 1
              if hasMask {
                factor = operands.input(4, as: Number.self)[((batch * offsetGroups + group) * taps + tap) * space + position]
              }
              for channel in group * perGroup..<(group + 1) * perGroup {
                var sum: Number = 0
                for corner in 0..<corners { sum += weights[corner] * x[channel * plane + places[corner]] }
                columns[(channel * taps + tap) * DeformConv.tile + p] = sum * factor
              }
            }
          }
        }
      }
    }
  }

  /// Finds the corners inside the input around where a tap reads; returns how many there are.
  private func corners(
    _ tap: Int, _ position: Int, _ offsets: UnsafePointer<Number>, _ space: Int, _ corners: Corners
  ) -> Int {
    var (count, tap, position) = (1, tap, position)
    (corners.0[0], corners.1[0]) = (0, 1)
    for axis in axes.indices.reversed() {
      let own = axes[axis]
      let place = position % own.output * own.stride - own.padBefore + tap % own.kernel * own.dilation
      (position, tap) = (position / own.output, tap / own.kernel)
      let coordinate = Number(place) + offsets[axis * space]
      guard coordinate > -1, coordinate < Number(own.input) else { return 0 }
      let low = coordinate.rounded(.down)
      let (index, above) = (Int(low), coordinate - low)
      var next = count
      let (hasLow, hasHigh) = (index >= 0, index + 1 < own.input && above > 0)
      for corner in 0..<count {
        let (offset, weight) = (corners.0[corner], corners.1[corner])
        if hasLow { (corners.0[corner], corners.1[corner]) = (offset + index * strides[axis], weight * (1 - above)) }
        if hasHigh {
          let slot = hasLow ? next : corner
          (corners.0[slot], corners.1[slot]) = (offset + (index + 1) * strides[axis], weight * above)
          if hasLow { next += 1 }
        }
      }
      guard hasLow || hasHigh else { return 0 }
      count = next
    }
    return count
  }
}
