import GraphIR
import Tensors

/// Which scale and zero point belong to an element of a quantized tensor.
///
/// There is one pair for the whole tensor, one for every index of an axis, or one for every block of neighbours along
/// it.
struct QuantizationGrid: Sendable {
  /// Indices before the axis, along it, and behind it.
  let outer: Int
  let extent: Int
  let inner: Int
  /// Neighbours along the axis that share a scale.
  private let blockLength: Int
  /// Scales along the axis.
  private let blocks: Int
  /// Whether elements behind the axis have scales of their own.
  private let isBlocked: Bool
  /// Whether one scale serves all.
  let isWhole: Bool

  /// - Parameters:
  ///   - axis: as the attribute gives it.
  ///   - blockSize: the attribute; 0 for scales that are not in blocks.
  init(
    _ shape: Shape, scale: Shape, axis: Int, blockSize: Int, _ context: some Diagnosing
  ) throws(OperatorError) {
    isBlocked = blockSize > 0 && scale.rank > 1
    isWhole = scale.count == 1 && (scale.rank <= 1 || !isBlocked)
    guard !isWhole else {
      (outer, extent, inner, blockLength, blocks) = (1, 1, shape.count, 1, 1)
      return
    }
    let axis = try context.axis(axis, rank: shape.rank)
    extent = shape[axis]
    (outer, inner) = (shape.count(0..<axis), shape.count((axis + 1)..<shape.rank))
    func misfit() -> OperatorError {
      context.invalid("scales of shape \(scale) do not fit an input of shape \(shape) along axis \(axis)")
    }
    guard isBlocked else {
      guard scale.rank == 1, scale[0] == extent else { throw misfit() }
      (blockLength, blocks) = (1, extent)
      return
    }
    guard scale.rank == shape.rank, shape.dims.indices.allSatisfy({ $0 == axis || scale[$0] == shape[$0] }) else {
      throw misfit()
    }
    blocks = scale[axis]
    guard blocks > 0, (extent + blockSize - 1) / blockSize == blocks else { throw misfit() }
    blockLength = blockSize
  }

  /// The number of the scale for the elements from `(outer, position, 0)` on, and the step to the next element's.
  @inline(__always)
  func scale(_ outer: Int, _ position: Int) -> (first: Int, step: Int) {
    if isWhole { return (0, 0) }
    return isBlocked ? ((outer * blocks + position / blockLength) * inner, 1) : (position, 0)
  }

  /// Calls `body` for every run of elements behind the axis: its first element, the number of that one's scale, and the
  /// step from one element's scale to the next one's.
  @inline(__always)
  func forEachRun(_ body: (_ start: Int, _ scale: Int, _ step: Int) -> Void) {
    for outer in 0..<outer {
      for position in 0..<extent {
        let (first, step) = scale(outer, position)
        body((outer * extent + position) * inner, first, step)
      }
    }
  }
}

/// The attributes that `QuantizeLinear` and `DequantizeLinear` share.
struct QuantizationAttributes: Hashable, Sendable {
  let axis: Int
  let blockSize: Int
  /// The attribute `output_dtype`; nil where it leaves the type open.
  let outputType: DataType?

  init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(2...3)
    axis = try node.int("axis", default: 1)
    blockSize = try node.int("block_size", default: 0)
    guard (0...SlidingWindow.largestAttribute).contains(blockSize) else {
      throw node.invalid("attribute “block_size” is \(blockSize)")
    }
    let number = try node.int("output_dtype", default: 0)
    guard number != 0 else {
      outputType = nil
      return
    }
    guard let type = Int32(exactly: number).flatMap(DataType.init(rawValue:)) else {
      throw node.invalid("the attribute “output_dtype” names no element type")
    }
    outputType = type
  }

  func grid(_ context: KernelContext) throws(OperatorError) -> QuantizationGrid {
    let scale = try context.input(1).shape
    if context.has(2), try context.input(2).count != scale.count {
      throw context.invalid("there are \(try context.input(2).count) zero points for \(scale.count) scales")
    }
    return try QuantizationGrid(
      context.input(0).shape, scale: scale, axis: axis, blockSize: blockSize, context)
  }

  /// Throws when the scales are known not to fit the input.
  func check(_ context: InferenceContext) throws(OperatorError) {
    guard let shape = try context.shape(0), let scale = try context.shape(1) else { return }
    _ = try QuantizationGrid(shape, scale: scale, axis: axis, blockSize: blockSize, context)
  }
}

extension DataType {
  /// The integers that quantization makes.
  static let quantizedIntegers: Set<DataType> = [.uint2, .int2, .uint4, .int4, .uint8, .int8, .uint16, .int16]
  /// The narrow floats that quantization makes.
  static let quantizedFloats: Set<DataType> = [
    .float8e4m3fn, .float8e4m3fnuz, .float8e5m2, .float8e5m2fnuz, .float4e2m1,
  ]

  /// The least and the greatest number of an integer type of at most 16 bits.
  var quantizedRange: ClosedRange<Int>? {
    switch self {
    case .uint2: 0...3
    case .int2: -2...1
    case .uint4: 0...15
    case .int4: -8...7
    case .uint8: 0...255
    case .int8: -128...127
    case .uint16: 0...65535
    case .int16: -32768...32767
    default: nil
    }
  }

  /// Whether elementwise kernels read and write the type.
  var isElementwiseInteger: Bool {
    switch self {
    case .uint8, .int8, .uint16, .int16: true
    default: false
    }
  }
}
