import GraphIR
import Tensors

/// ONNX `Slice`: every `step`-th element of a range along some axes.
///
/// Ranges are attributes before opset 10 and inputs since. Out-of-range bounds are clamped.
public struct Slice: Operator {
  public static let signatures = [Signature("Slice")]

  /// The ranges, each list with one number per sliced axis; nil where a list is not known.
  private struct Ranges {
    var starts: [Int]?
    var ends: [Int]?
    var axes: [Int]?
    var steps: [Int]?
  }

  /// One axis: `count` elements from `start` on, `step` apart.
  struct Cut: Hashable, Sendable {
    var start: Int
    var step: Int
    var count: Int
  }

  private let attributes: Ranges?

  public init(_ node: NodeReader) throws(OperatorError) {
    guard node.version < 10 else {
      attributes = nil
      try node.expectInputs(3...5)
      return
    }
    try node.expectInputs(1...1)
    guard let starts = try node.ints("starts"), let ends = try node.ints("ends") else {
      throw node.invalid("the attributes “starts” and “ends” are missing")
    }
    attributes = Ranges(
      starts: starts, ends: ends, axes: try node.ints("axes") ?? Array(starts.indices),
      steps: [Int](repeating: 1, count: starts.count))
  }

  private func ranges(_ read: (Int) throws(OperatorError) -> [Int]?, _ has: (Int) -> Bool) throws(OperatorError)
    -> Ranges
  {
    if let attributes { return attributes }
    let (starts, ends) = (try read(1), try read(2))
    let count = starts?.count ?? ends?.count
    return Ranges(
      starts: starts, ends: ends, axes: has(3) ? try read(3) : count.map { Array(0..<$0) },
      steps: has(4) ? try read(4) : count.map { [Int](repeating: 1, count: $0) })
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let input = try context.tensor(0)
    guard let dims = input.dims else { return [.tensor(input)] }
    let ranges = try ranges({ index throws(OperatorError) in try context.integers(index) }, context.has)
    var result = dims
    guard let listed = ranges.axes else {
      let unknown = [Dimension](repeating: .unknown, count: dims.count)
      return [.tensor(TensorType(input.dataType, unknown))]
    }
    for (position, axis) in try context.axes(listed, rank: dims.count).enumerated() {
      result[axis] = try extent(of: dims[axis], ranges, position, context)
    }
    return [.tensor(TensorType(input.dataType, result))]
  }

  private func extent(
    of dim: Dimension, _ ranges: Ranges, _ position: Int, _ context: InferenceContext
  ) throws(OperatorError) -> Dimension {
    guard let starts = ranges.starts, let ends = ranges.ends, let steps = ranges.steps else { return .unknown }
    guard position < starts.count, position < ends.count, position < steps.count else {
      throw context.invalid("starts, ends, axes and steps have different lengths")
    }
    guard steps[position] != 0 else { throw context.invalid("step \(position) is 0") }
    if let extent = dim.value {
      return .fixed(Self.cut(extent, starts[position], ends[position], steps[position]).count)
    }
    // The whole axis, as `x[:]` is exported.
    return starts[position] == 0 && ends[position] >= Int(Int32.max) && steps[position] == 1 ? dim : .unknown
  }

  /// What a range selects of an axis of `extent` elements.
  ///
  /// - Precondition: `step` is not 0.
  static func cut(_ extent: Int, _ start: Int, _ end: Int, _ step: Int) -> Cut {
    let first = start < 0 ? start + extent : start
    let last = end < 0 ? end + extent : end
    if step > 0 {
      let (low, high) = (min(max(first, 0), extent), min(max(last, 0), extent))
      return Cut(start: low, step: step, count: high > low ? (high - low - 1) / step + 1 : 0)
    }
    let (high, low) = (min(max(first, -1), extent - 1), min(max(last, -1), extent - 1))
    let stride = max(step, -Int.max)
    return Cut(start: max(high, 0), step: stride, count: high > low ? (high - low - 1) / -stride + 1 : 0)
  }

  /// The columns of a matrix that the slice takes; nil if it takes anything else, or what depends on data.
  ///
  /// - Parameter constants: those of the node's inputs.
  public func columns(of matrix: Shape, constants: [Tensor?]) -> Range<Int>? {
    func integers(_ index: Int) -> [Int]? { index < constants.count ? constants[index]?.integers : nil }
    guard matrix.rank == 2, let given = try? ranges({ integers($0) }, { $0 < constants.count }),
      let starts = given.starts, let ends = given.ends, given.axes == [1] || given.axes == [-1], given.steps == [1],
      starts.count == 1, ends.count == 1
    else { return nil }
    let cut = Self.cut(matrix[1], starts[0], ends[0], 1)
    return cut.start..<(cut.start + cut.count)
  }

  public func layout(_ context: LayoutContext) -> LayoutPolicy { .any }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Unpacking.kernel(self, context) { return kernel }
    let (input, output) = (try context.input(0), try context.output(0))
    let ranges = try ranges({ index in context.constant(index)?.integers }, context.has)
    guard let starts = ranges.starts, let ends = ranges.ends, let steps = ranges.steps, let listed = ranges.axes else {
      throw context.unsupported("the ranges are not known before the run")
    }
    guard starts.count == listed.count, ends.count == listed.count, steps.count == listed.count else {
      throw context.invalid("starts, ends, axes and steps have different lengths")
    }
    var strides = input.strides
    var offset = 0
    for (position, axis) in try context.axes(listed, rank: input.shape.rank).enumerated() {
      guard steps[position] != 0 else { throw context.invalid("step \(position) is 0") }
      let cut = Self.cut(input.shape[axis], starts[position], ends[position], steps[position])
      guard cut.count == output.shape[axis] else { throw context.invalid("the output has another shape") }
      guard cut.count > 0 else { continue }
      offset += cut.start * strides[axis]
      strides[axis] = cut.count > 1 ? strides[axis] * cut.step : 0
    }
    let unread = Set(context.inputs.indices.dropFirst().filter(context.has))
    return try .box(of: 0, offset: offset, strides: strides, unreadInputs: unread, context)
  }
}
