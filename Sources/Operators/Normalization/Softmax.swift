import CKernels
import GraphIR
import Tensors

/// ONNX `Softmax`: exponentials along an axis, divided by their sum.
public struct Softmax: Operator {
  public static let signatures = [Signature("Softmax")]

  let axis: SoftmaxAxis

  public init(_ node: NodeReader) throws(OperatorError) { axis = try SoftmaxAxis(node) }

  /// Whether every row of the last of `rank` axes is normalized by itself.
  public func runsAlongLastAxis(rank: Int) -> Bool {
    axis.axis == -1 || axis.axis == rank - 1
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] { try axis.infer(context) }
  public func layout(_ context: LayoutContext) -> LayoutPolicy { axis.layout(context) }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Widening.kernel(self, context, of: Widening.floats) { return kernel }
    return try axis.kernel(context, VZ_SOFTMAX)
  }
}

/// ONNX `LogSoftmax`: the logarithm of `Softmax`.
public struct LogSoftmax: Operator {
  public static let signatures = [Signature("LogSoftmax")]

  let axis: SoftmaxAxis

  public init(_ node: NodeReader) throws(OperatorError) { axis = try SoftmaxAxis(node) }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] { try axis.infer(context) }
  public func layout(_ context: LayoutContext) -> LayoutPolicy { axis.layout(context) }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Widening.kernel(self, context, of: Widening.floats) { return kernel }
    return try axis.kernel(context, VZ_LOG_SOFTMAX)
  }
}

/// The axis that a softmax runs along, or (before version 13) the first of the axes it runs over together.
struct SoftmaxAxis: Hashable, Sendable {
  let axis: Int
  let flattens: Bool

  init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    flattens = node.version < 13
    axis = try node.int("axis", default: flattens ? 1 : -1)
  }

  func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.elementType(0, in: DataType.floats)
    guard let dims = try context.tensor(0).dims else { return [.tensor(TensorType(type, nil as [Dimension]?))] }
    let rank = dims.count
    let allowed = flattens ? -rank...rank : -rank...max(rank - 1, 0)
    guard allowed.contains(axis) else {
      throw context.invalid("attribute “axis” is \(axis), outside an input of shape \(TensorType(nil, dims).extents)")
    }
    return [try context.outputType(type, dims)]
  }

  func layout(_ context: LayoutContext) -> LayoutPolicy {
    // Along channels a channels-last image is rows of pixels; every other axis would stride over the pixels' padding.
    guard !flattens, let rank = context.inputs.first??.shape.rank, rank >= 3 else { return .rowMajor }
    return (axis < 0 ? axis + rank : axis) == 1 ? .any : .rowMajor
  }

  func kernel(_ context: KernelContext, _ kind: vz_softmax_kind) throws(OperatorError) -> Kernel {
    try context.expectFloat32(0)
    let x = try context.input(0), y = try context.output(0)
    let shape = x.shape
    let first = axis < 0 ? axis + shape.rank : axis
    var outer: Int, length: Int, inner: Int
    var from: (outer: Int, axis: Int), to: (outer: Int, axis: Int)
    if x.layout.isChannelsLast || y.layout.isChannelsLast {
      guard first == 1, !flattens, x.layout.isChannelsLast, y.layout.isChannelsLast else {
        throw context.unsupported("Softmax over axis \(first) of a channels-last operand is not implemented")
      }
      (outer, length, inner) = (shape[0] * shape.count(2..<shape.rank), shape[1], 1)
      (from, to) = ((x.strides[shape.rank - 1], 1), (y.strides[shape.rank - 1], 1))
    } else {
      outer = shape.count(0..<first)
      length = flattens ? shape.count(first..<shape.rank) : shape.rank == 0 ? 1 : shape[first]
      inner = flattens || shape.rank == 0 ? 1 : shape.count((first + 1)..<shape.rank)
      from = (length * inner, inner)
      to = from
    }
    return Kernel(inPlaceInputs: x.layout == y.layout ? [0] : []) { [outer, length, inner, from, to] operands in
      vz_softmax_f32(
        operands.exec, kind, outer, length, inner, operands.input(0), from.outer, from.axis, operands.output(0),
        to.outer, to.axis)
    }
  }
}
