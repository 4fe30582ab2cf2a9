import Tensors

/// How a value's elements lie in memory. Logical shapes never change with it.
public enum Layout: Hashable, Sendable {
  /// As the model says: the last axis is contiguous.
  case rowMajor
  /// Axis 1 (channels) is innermost, and neighbouring positions are `pixelStride` elements apart. For rank 3 to 5.
  case channelsLast(pixelStride: Int)

  public var isChannelsLast: Bool { self != .rowMajor }

  /// Elements between neighbours along each logical axis.
  public func strides(of shape: Shape) -> [Int] {
    switch self {
    case .rowMajor: return shape.rowMajorStrides
    case .channelsLast(let pixelStride):
      var strides = [Int](repeating: 1, count: shape.rank)
      var step = pixelStride
      for axis in (2..<shape.rank).reversed() {
        strides[axis] = step
        step *= max(shape[axis], 1)
      }
      strides[0] = step
      return strides
    }
  }

  /// Elements the value takes, padding included.
  public func elementCount(of shape: Shape) -> Int {
    switch self {
    case .rowMajor: shape.count
    case .channelsLast(let pixelStride):
      shape.count == 0 ? 0 : shape[0] * shape.count(2..<shape.rank) * pixelStride
    }
  }

  /// The channels-last layout for `shape` without padding.
  public static func dense(channelsLast shape: Shape) -> Layout { .channelsLast(pixelStride: shape[1]) }
}

/// What an operator wants of its operands' layout.
public enum LayoutPolicy: Hashable, Sendable {
  /// Inputs and outputs as the model says.
  case rowMajor
  /// The listed inputs and the listed outputs channels-last, all others as the model says.
  case channelsLast(inputs: Set<Int>, outputs: Set<Int>)
  /// Whatever the inputs have: the kernel reads every operand through `Operand.strides`. Outputs get the layout of the
  /// first non-constant input of their rank; inputs of that rank are brought to it.
  case any
}
