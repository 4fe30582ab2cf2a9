import CKernels
import GraphIR
import Tensors

/// The passes of a resize: rows and columns of images together, every other axis on its own.
struct ResampleRun: @unchecked Sendable {
  /// One call of the resampling kernel.
  private struct Pass {
    var shape: vz_resize_shape
    /// Where the pass reads and writes, in bytes of scratch memory; nil for the operand itself.
    var source: Int?
    var target: Int?
  }
  private var passes: [Pass] = []
  private var retained: [TensorBuffer] = []
  private var plan = ScratchPlan()
  /// For types other than float32: elements are gathered one by one.
  private var gather: ResampleGather?
  private var edges: Edges?
  private let copies: Bool
  private let byteCount: Int
  /// Offset of the passes' own part of the scratch memory.
  private var base = 0

  init(
    x: Operand, y: Operand, tables: [(axis: Int, table: ResampleTable)], isNearest: Bool, fill: Float,
    _ context: KernelContext
  ) throws(OperatorError) {
    copies = tables.isEmpty && x.layout == y.layout
    byteCount = x.byteCount
    let isSpatial = (3...5).contains(x.shape.rank) && tables.allSatisfy { $0.axis >= 2 }
    if x.dataType != .float32 {
      guard isNearest, x.dataType.elementByteCount != nil, tables.allSatisfy({ $0.table.isOutside == nil }) else {
        throw context.unsupported("Resize of \(x.dataType) is implemented for mode nearest only")
      }
      gather = ResampleGather(x, y, tables)
    } else if copies {
    } else if isSpatial {
      makeSpatialPasses(x, y, tables)
    } else {
      guard !x.layout.isChannelsLast, !y.layout.isChannelsLast else {
        throw context.unsupported("Resize over axes \(tables.map(\.axis)) of a channels-last operand is not implemented")
      }
      makePasses(x.shape, tables)
    }
    let outside = tables.filter { $0.table.isOutside != nil }
    if !outside.isEmpty, gather == nil { edges = Edges(y, outside, fill) }
    var driver = 0
    for pass in passes {
      driver = max(driver, withUnsafePointer(to: pass.shape) { vz_resize2d_scratch_bytes($0, context.target.threads) })
    }
    base = (driver + 63) / 64 * 64
  }

  /// Rows and columns in one pass, in any layout, after one pass over the slices of volumes.
  private mutating func makeSpatialPasses(_ x: Operand, _ y: Operand, _ tables: [(axis: Int, table: ResampleTable)]) {
    let rank = x.shape.rank
    func table(_ axis: Int) -> ResampleTable { tables.first { $0.axis == axis }?.table ?? .identity(x.shape[axis]) }
    guard rank == 5, tables.contains(where: { $0.axis == 2 }) else {
      passes.append(Pass(shape: imagePass(x, y, h: rank > 3 ? table(rank - 2) : .identity(1), w: table(rank - 1))))
      return
    }
    var between = x
    between.shape.dims[2] = y.shape[2]
    between.layout = x.layout.isChannelsLast ? .dense(channelsLast: between.shape) : .rowMajor
    let isLast = tables.count == 1
    if isLast { between = y }
    // Every pixel of a slice is a column, every slice a row.
    let plane = x.shape[3] * x.shape[4]
    var shape = vz_resize_shape()
    (shape.batch, shape.channels) = (x.shape[0], x.shape[1])
    (shape.h, shape.w) = (keep(table(2)), keep(.identity(plane)))
    let (from, to) = (x.strides, between.strides)
    (shape.x_batch, shape.x_channel, shape.x_row, shape.x_column) = (from[0], from[1], from[2], from[4])
    (shape.y_batch, shape.y_channel, shape.y_row, shape.y_column) = (to[0], to[1], to[2], to[4])
    let middle = isLast ? nil : plan.reserve(floats: between.shape.count)
    passes.append(Pass(shape: shape, target: middle))
    guard !isLast else { return }
    passes.append(Pass(shape: imagePass(between, y, h: table(3), w: table(4)), source: middle))
  }

  /// Rows and columns of every image, sequence, or slice of a volume.
  private mutating func imagePass(_ x: Operand, _ y: Operand, h: ResampleTable, w: ResampleTable) -> vz_resize_shape {
    let rank = x.shape.rank
    let (from, to) = (x.strides, y.strides)
    var shape = vz_resize_shape()
    (shape.batch, shape.channels) = (x.shape[0], x.shape[1])
    (shape.x_batch, shape.y_batch) = (from[0], to[0])
    (shape.x_channel, shape.y_channel) = (from[1], to[1])
    if rank == 5 {
      // Slices are images of their own; row-major channels as well, so that one stride leads from each to the next.
      let isChannelsLast = x.layout.isChannelsLast
      shape.batch = x.shape[0] * x.shape[2] * (isChannelsLast ? 1 : x.shape[1])
      shape.channels = isChannelsLast ? x.shape[1] : 1
      (shape.x_batch, shape.y_batch) = (from[2], to[2])
    }
    (shape.h, shape.w) = (keep(h), keep(w))
    (shape.x_column, shape.y_column) = (from[rank - 1], to[rank - 1])
    shape.x_row = rank > 3 ? from[rank - 2] : from[2] * x.shape[2]
    shape.y_row = rank > 3 ? to[rank - 2] : to[2] * y.shape[2]
    return shape
  }

  /// One pass for each axis of a row-major operand, through scratch memory.
  private mutating func makePasses(_ input: Shape, _ tables: [(axis: Int, table: ResampleTable)]) {
    // Axes that shrink most come first, so that the others have less to do.
    let order = tables.sorted {
      $0.table.output * $1.table.input < $1.table.output * $0.table.input
    }
    var shape = input, source: Int?
    for (index, (axis, table)) in order.enumerated() {
      var next = shape
      next.dims[axis] = table.output
      let outer = shape.count(0..<axis), inner = shape.count((axis + 1)..<shape.rank)
      var pass = vz_resize_shape()
      (pass.batch, pass.channels) = (outer, 1)
      pass.h = keep(table)
      pass.w = keep(.identity(inner))
      (pass.x_batch, pass.x_channel, pass.x_row, pass.x_column) = (shape[axis] * inner, shape[axis] * inner, inner, 1)
      (pass.y_batch, pass.y_channel, pass.y_row, pass.y_column) = (next[axis] * inner, next[axis] * inner, inner, 1)
      let target = index == order.count - 1 ? nil : plan.reserve(floats: next.count)
      passes.append(Pass(shape: pass, source: source, target: target))
      (shape, source) = (next, target)
    }
  }

  /// The table as the kernel reads it, kept alive with the kernel.
  private mutating func keep(_ table: ResampleTable) -> vz_resize_axis {
    let indices = TensorBuffer(byteCount: table.indices.count * 4)
    indices.base.copyMemory(from: table.indices, byteCount: table.indices.count * 4)
    retained.append(indices)
    var axis = vz_resize_axis()
    (axis.in, axis.out, axis.taps) = (table.input, table.output, table.taps)
    axis.index = UnsafePointer(indices.base.assumingMemoryBound(to: Int32.self))
    if let values = table.weights {
      let weights = TensorBuffer(byteCount: values.count * 4)
      weights.base.copyMemory(from: values, byteCount: values.count * 4)
      retained.append(weights)
      axis.weight = UnsafePointer(weights.base.assumingMemoryBound(to: Float.self))
    }
    return axis
  }

  func kernel(unread: Set<Int>) -> Kernel {
    Kernel(scratchByteCount: base + plan.byteCount, retained: retained, unreadInputs: unread) { operands in
      if copies {
        operands.rawOutput(0).copyMemory(from: operands.rawInput(0), byteCount: byteCount)
      } else if let gather {
        gather.run(operands.rawInput(0), operands.rawOutput(0))
      } else {
        let room = operands.exec.pointee.scratch.map { $0 + base }
        for pass in passes {
          let source = pass.source.map { UnsafeRawPointer(room! + $0) } ?? operands.rawInput(0)
          let target = pass.target.map { room! + $0 } ?? operands.rawOutput(0)
          withUnsafePointer(to: pass.shape) {
            vz_resize2d_f32(
              operands.exec, $0, source.assumingMemoryBound(to: Float.self), target.assumingMemoryBound(to: Float.self))
          }
        }
      }
      edges?.run(operands.output(0))
    }
  }
}

extension ResampleTable {
  static func identity(_ extent: Int) -> ResampleTable {
    ResampleTable(
      input: extent, output: extent, taps: 1, indices: Array(0..<Int32(clamping: extent)), weights: nil, isOutside: nil)
  }
}

/// Copies elements of any type one by one.
private struct ResampleGather: @unchecked Sendable {
  private let width: Int
  private let shape: [Int]
  private let to: [Int]
  /// For every axis: the offset in the input of each index of the output.
  private let from: [[Int]]

  init(_ x: Operand, _ y: Operand, _ tables: [(axis: Int, table: ResampleTable)]) {
    width = x.dataType.elementByteCount!
    shape = y.shape.dims
    to = y.strides
    let strides = x.strides
    from = y.shape.dims.indices.map { axis in
      let table = tables.first { $0.axis == axis }?.table
      return (0..<y.shape[axis]).map { index in strides[axis] * (table.map { Int($0.indices[index]) } ?? index) }
    }
  }

  func run(_ x: UnsafeRawPointer, _ y: UnsafeMutableRawPointer) { run(axis: 0, x, y) }

  private func run(axis: Int, _ x: UnsafeRawPointer, _ y: UnsafeMutableRawPointer) {
    guard axis < shape.count else { return y.copyMemory(from: x, byteCount: width) }
    for index in 0..<shape[axis] {
      run(axis: axis + 1, x + from[axis][index] * width, y + index * to[axis] * width)
    }
  }
}

/// Fills output elements whose position lies outside the input along any axis.
private struct Edges: @unchecked Sendable {
  private let shape: [Int]
  private let strides: [Int]
  private let isOutside: [[Bool]]
  private let fill: Float

  init(_ y: Operand, _ tables: [(axis: Int, table: ResampleTable)], _ fill: Float) {
    shape = y.shape.dims
    strides = y.strides
    self.fill = fill
    isOutside = shape.indices.map { axis in
      tables.first { $0.axis == axis }?.table.isOutside ?? [Bool](repeating: false, count: y.shape[axis])
    }
  }

  func run(_ y: UnsafeMutablePointer<Float>) { run(axis: 0, fills: false, y) }

  private func run(axis: Int, fills: Bool, _ y: UnsafeMutablePointer<Float>) {
    guard axis < shape.count else {
      if fills { y.pointee = fill }
      return
    }
    for index in 0..<shape[axis] {
      run(axis: axis + 1, fills: fills || isOutside[axis][index], y + index * strides[axis])
    }
  }
}
