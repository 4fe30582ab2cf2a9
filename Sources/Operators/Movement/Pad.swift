import GraphIR
import Tensors

/// ONNX `Pad`: elements added before and after each axis, or taken away where the number is negative.
///
/// The numbers are an attribute before opset 11 and an input since; axes to which they belong can be listed since
/// opset 18. Axes are cropped first, and what is left is padded.
public struct Pad: Operator {
  public static let signatures = [Signature("Pad")]

  /// Boxes of evenly spaced elements that one node may consist of; every repetition of the input makes another.
  private static let maximumBoxCount = 1 << 16

  private enum Mode: Hashable { case constant, reflect, edge, wrap }

  private let mode: Mode
  private let attribute: [Int]?
  private let value: Float

  public init(_ node: NodeReader) throws(OperatorError) {
    switch try node.string("mode", default: "constant") {
    case "constant": mode = .constant
    case "reflect": mode = .reflect
    case "edge": mode = .edge
    case "wrap": mode = .wrap
    case let other: throw node.invalid("the mode “\(other)” does not exist")
    }
    let isAttribute = node.version < 11
    try node.expectInputs(isAttribute ? 1...1 : 2...4)
    attribute = isAttribute ? try node.ints(node.version < 2 ? "paddings" : "pads") : nil
    value = isAttribute ? try node.float("value", default: 0) : 0
    if isAttribute, attribute == nil { throw node.invalid("the attribute “pads” is missing") }
  }

  /// Elements to add before and after every axis, or nil when that is not known yet.
  private func pads(
    rank: Int, _ given: [Int]?, axes: [Int]?, hasAxes: Bool, _ context: some Diagnosing
  ) throws(OperatorError) -> [(before: Int, after: Int)]? {
    guard let given = attribute ?? given, !hasAxes || axes != nil else { return nil }
    let listed = try context.axes(axes ?? Array(0..<rank), rank: rank)
    guard given.count == 2 * listed.count else {
      throw context.invalid("\(given.count) numbers do not pad \(listed.count) axes")
    }
    // A limit far beyond any tensor keeps the sums below from overflowing.
    guard given.allSatisfy({ $0.magnitude < 1 << 40 }) else { throw context.invalid("the pads \(given) are too large") }
    var result = [(before: Int, after: Int)](repeating: (0, 0), count: rank)
    for (position, axis) in listed.enumerated() { result[axis] = (given[position], given[position + listed.count]) }
    return result
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let input = try context.tensor(0)
    guard let dims = input.dims else { return [.tensor(TensorType(input.dataType, nil as [Dimension]?))] }
    let (given, axes) = (try context.integers(1), try context.integers(3))
    guard let pads = try pads(rank: dims.count, given, axes: axes, hasAxes: context.has(3), context) else {
      let unknown = [Dimension](repeating: .unknown, count: dims.count)
      return [.tensor(TensorType(input.dataType, unknown))]
    }
    var result: [Dimension] = []
    for (axis, (dim, pad)) in zip(dims, pads).enumerated() {
      guard let extent = dim.value else {
        result.append(pad == (0, 0) ? dim : .unknown)
        continue
      }
      let (rest, padded) = (extent + min(pad.before, 0) + min(pad.after, 0), extent + pad.before + pad.after)
      guard rest >= 0, padded >= 0 else {
        throw context.invalid("axis \(axis) has \(extent) elements, fewer than its pads take away")
      }
      guard rest > 0 || mode == .constant || padded == 0 else {
        throw context.invalid("axis \(axis) has no elements to repeat")
      }
      result.append(.fixed(padded))
    }
    try context.checkCount(result, of: input.dataType)
    return [.tensor(TensorType(input.dataType, result))]
  }

  public func layout(_ context: LayoutContext) -> LayoutPolicy { .any }

  /// Output elements that come from evenly spaced input elements, or from outside the input.
  private struct Segment {
    var start: Int
    var count: Int
    /// Nil outside.
    var source: Int?
    var step: Int
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Unpacking.kernel(self, context) { return kernel }
    let (input, output) = (try context.input(0), try context.output(0))
    let width = try context.movableByteCount(output.dataType)
    let (given, axes) = (context.constant(1)?.integers, context.constant(3)?.integers)
    guard let pads = try pads(rank: input.shape.rank, given, axes: axes, hasAxes: context.has(3), context) else {
      throw context.unsupported("the pads are not known before the run")
    }
    var unread = Set<Int>([1, 3].filter(context.has))
    if output.count == 0 { return Kernel(unreadInputs: unread) { _ in } }
    for axis in pads.indices where input.shape[axis] + pads[axis].before + pads[axis].after != output.shape[axis] {
      throw context.invalid("the output has another shape")
    }
    let fill: TensorBuffer?
    if context.has(2) {
      fill = nil
      if mode != .constant { unread.insert(2) }
    } else {
      let buffer = TensorBuffer(byteCount: 16)
      ElementAccess.store(Double(value), buffer.base, 0, output.dataType)
      fill = buffer
    }
    let segments = pads.indices.map { self.segments(extent: input.shape[$0], pads[$0]) }
    let boxCount = segments.reduce(1.0) { $0 * Double($1.count) }
    guard boxCount <= Double(Self.maximumBoxCount) else {
      throw context.unsupported("the pads repeat the input too often")
    }
    var steps: [StridedCopy] = []
    func addBoxes(_ axis: Int, _ chosen: [Segment]) {
      // Whatever the axes further in do, it is all outside.
      if let last = chosen.last, last.source == nil {
        var shape = chosen.map(\.count)
        shape += output.shape.dims[axis...]
        let offset = chosen.indices.reduce(0) { $0 + chosen[$1].start * output.strides[$1] }
        if let fill {
          steps.append(
            StridedCopy(
              shape: shape, value: fill, elementByteCount: width, to: 0, outputOffset: offset,
              outputStrides: output.strides))
        } else {
          steps.append(
            StridedCopy(
              shape: shape, elementByteCount: width, filledWith: 2, to: 0, outputOffset: offset,
              outputStrides: output.strides))
        }
        return
      }
      guard axis < segments.count else {
        let strides = input.strides
        steps.append(
          StridedCopy(
            shape: chosen.map(\.count), elementByteCount: width, from: 0,
            offset: chosen.indices.reduce(0) { $0 + (chosen[$1].source ?? 0) * strides[$1] },
            strides: chosen.indices.map { chosen[$0].step * strides[$0] }, to: 0,
            outputOffset: chosen.indices.reduce(0) { $0 + chosen[$1].start * output.strides[$1] },
            outputStrides: output.strides))
        return
      }
      for segment in segments[axis] { addBoxes(axis + 1, chosen + [segment]) }
    }
    addBoxes(0, [])
    return .copies(steps, unreadInputs: unread)
  }

  private func segments(extent: Int, _ pad: (before: Int, after: Int)) -> [Segment] {
    let first = max(-pad.before, 0)
    let rest = extent - first - max(-pad.after, 0)
    let before = max(pad.before, 0)
    var result: [Segment] = []
    for position in 0..<(extent + pad.before + pad.after) {
      let source = source(position - before, of: rest).map { $0 + first }
      guard var last = result.popLast() else {
        result.append(Segment(start: position, count: 1, source: source, step: 1))
        continue
      }
      switch (last.source, source) {
      case (nil, nil): last.count += 1
      case (let from?, let next?) where last.count == 1 && abs(next - from) <= 1:
        last.step = next - from
        last.count = 2
      case (let from?, let next?) where last.count > 1 && next == from + last.count * last.step: last.count += 1
      default:
        result.append(last)
        last = Segment(start: position, count: 1, source: source, step: 1)
      }
      result.append(last)
    }
    return result
  }

  /// Which of `extent` elements stands at `position`; nil for none.
  private func source(_ position: Int, of extent: Int) -> Int? {
    if (0..<extent).contains(position) { return position }
    switch mode {
    case .constant: return nil
    case .edge: return position < 0 ? 0 : extent - 1
    case .wrap: return ((position % extent) + extent) % extent
    case .reflect:
      guard extent > 1 else { return 0 }
      let period = 2 * (extent - 1)
      let phase = ((position % period) + period) % period
      return min(phase, period - phase)
    }
  }
}
