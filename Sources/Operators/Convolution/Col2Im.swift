import GraphIR
import Tensors

/// ONNX `Col2Im`: columns `[batch, channels · block, blocks]` added back into an image, each block at its place.
public struct Col2Im: Operator {
  public static let signatures = [Signature("Col2Im", versions: 18...Signature.newestOpset)]

  private let window: SlidingWindow

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(3...3)
    window = try SlidingWindow(node)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.elementType(0, in: DataType.numbers.union([.bool]))
    let columns = try context.dims(0, rank: 3...3)
    let image = try context.integers(1), block = try context.integers(2)
    let imageRank = try context.dims(1, rank: 1...1)?[0].value, blockRank = try context.dims(2, rank: 1...1)?[0].value
    let rank = imageRank ?? blockRank
    guard image != nil || block != nil else {
      guard let rank, rank <= 16 else { return [.tensor(TensorType(type, nil as [Dimension]?))] }
      let space = [Dimension](repeating: .unknown, count: rank)
      return [.tensor(TensorType(type, [columns?[0] ?? .unknown, .unknown] + space))]
    }
    var channels = Dimension.unknown
    if let block {
      guard block.allSatisfy({ 1...SlidingWindow.largestAttribute ~= $0 }), !block.isEmpty,
        let size = Shape(block).checkedCount
      else { throw context.invalid("the block \(block) is not a shape of positive extents") }
      if let image, image.count != block.count {
        throw context.invalid("an image of \(image.count) axes cannot be made of blocks of \(block.count)")
      }
      try window.expect(rank: block.count, kernel: block, context.node)
      if let rows = columns?[1].value {
        guard rows % size == 0 else { throw context.invalid("\(rows) rows are not channels times the \(size) of a block") }
        channels = .fixed(rows / size)
      }
      if let image {
        var count = 1
        for (axis, extent) in image.enumerated() {
          guard extent >= 0, let own = window.axis(axis, of: image.count, input: extent, kernel: block[axis]) else {
            throw context.invalid("a block of \(block) does not fit the image \(image)")
          }
          let (product, overflow) = count.multipliedReportingOverflow(by: own.output)
          guard !overflow else { throw context.invalid("the image \(image) is too large") }
          count = product
        }
        if let given = columns?[2].value, given != count {
          throw context.invalid("there are \(given) columns, but an image \(image) has \(count) blocks")
        }
      }
    }
    let space = image.map { $0.map { Dimension.fixed($0) } }
      ?? [Dimension](repeating: .unknown, count: block?.count ?? 0)
    return [try context.outputType(type, [columns?[0] ?? .unknown, channels] + space)]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let output = try context.output(0)
    let (type, shape) = (output.dataType, output.shape)
    guard let block = context.constant(2)?.integers else { throw context.unsupported("the block is not known before the run") }
    let axes = try window.axes(of: shape.dims[2...], kernel: block, context)
    let rank = axes.count, space = shape.count(2..<shape.rank)
    let blocks = Shape(axes.map(\.output)), kernel = Shape(block)
    let (steps, taps) = (blocks.rowMajorStrides, kernel.count)
    return .tasks(
      shape[0] * shape[1], threads: context.target.threads, scratchPerWorker: rank * 16, unreadInputs: [1, 2]
    ) { operands, plane, scratch in
      let (source, target) = (operands.rawInput(0), operands.rawOutput(0))
      let position = scratch!.assumingMemoryBound(to: Int.self), tap = position + rank
      for axis in 0..<rank { position[axis] = 0 }
      for pixel in 0..<space {
        var (real, integer): (Double, Int64) = (0, 0)
        for axis in 0..<rank { tap[axis] = 0 }
        for k in 0..<taps {
          // The block that has this pixel under this tap, if there is one.
          var column: Int? = 0
          for axis in 0..<rank {
            let own = axes[axis]
            let (place, rest) = (position[axis] + own.padBefore - tap[axis] * own.dilation)
              .quotientAndRemainder(dividingBy: own.stride)
            guard rest == 0, 0..<own.output ~= place else {
              column = nil
              break
            }
            column! += place * steps[axis]
          }
          if let column {
            let index = (plane * taps + k) * blocks.count + column
            if type.isFloatingPoint {
              real += ElementAccess.double(source, index, type)
            } else {
              integer = integer &+ ElementAccess.integer(source, index, type)
            }
          }
          Self.advance(tap, kernel.dims)
        }
        if type.isFloatingPoint {
          ElementAccess.store(real, target, plane * space + pixel, type)
        } else {
          ElementAccess.store(integer, target, plane * space + pixel, type)
        }
        Self.advance(position, shape.dims[2...])
      }
    }
  }

  /// The next index in row-major order.
  private static func advance(_ index: UnsafeMutablePointer<Int>, _ extents: some BidirectionalCollection<Int>) {
    var axis = extents.count - 1
    for extent in extents.reversed() {
      index[axis] += 1
      if index[axis] < extent { return }
      index[axis] = 0
      axis -= 1
    }
  }
}
