import GraphIR
import Tensors

/// ONNX `Compress`: the slices along an axis (or without one, the elements) for which a condition holds.
///
/// How many they are is known ahead only for a constant condition, for which there is a kernel.
public struct Compress: HostOperator {
  public static let signatures = [Signature("Compress", versions: 9...Signature.newestOpset)]

  private let axis: Int?

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(2...2)
    axis = try node.int("axis")
  }

  private func chosen(_ condition: Tensor?, _ context: some Diagnosing) throws(OperatorError) -> [Int]? {
    guard let condition else { return nil }
    guard condition.dataType == .bool, let flags = condition.integers else {
      throw context.invalid("the condition is \(condition.dataType), not bool")
    }
    return flags.indices.filter { flags[$0] != 0 }
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let input = try context.tensor(0)
    let chosen = try chosen(context.constant(1), context)
    guard let axis else { return [.tensor(TensorType(input.dataType, [chosen.map { .fixed($0.count) } ?? .unknown]))] }
    guard var dims = input.dims else { return [.tensor(TensorType(input.dataType, nil as [Dimension]?))] }
    let resolved = try context.axis(axis, rank: dims.count)
    if let last = chosen?.last, let extent = dims[resolved].value, last >= extent {
      throw context.invalid("the condition holds at \(last), beyond the extent of \(extent)")
    }
    dims[resolved] = chosen.map { .fixed($0.count) } ?? .unknown
    return [.tensor(TensorType(input.dataType, dims))]
  }

  public func hasKernel(_ context: InferenceContext) -> Bool { context.constant(1) != nil }

  public func evaluate(_ context: EvaluationContext) throws(OperatorError) -> [RuntimeValue] {
    let input = try context.tensor(0), chosen = try chosen(context.tensor(1), context) ?? []
    let width = try context.movableByteCount(input.dataType)
    let axis = try axis.map { given throws(OperatorError) in try context.axis(given, rank: input.shape.rank) }
    let (outer, extent, inner) = extents(of: input.shape, axis)
    guard chosen.last ?? -1 < extent else { throw context.invalid("the condition holds beyond the extent of \(extent)") }
    var shape: Shape = [chosen.count]
    if let axis {
      shape = input.shape
      shape.dims[axis] = chosen.count
    }
    let output = try context.makeTensor(input.dataType, shape, isZeroed: false)
    let slice = inner * width
    input.withUnsafeBytes { bytes in
      guard output.count > 0, let source = bytes.baseAddress else { return }
      for row in 0..<outer {
        for (position, index) in chosen.enumerated() {
          (output.buffer.base + (row * chosen.count + position) * slice)
            .copyMemory(from: source + (row * extent + index) * slice, byteCount: slice)
        }
      }
    }
    return [.tensor(output)]
  }

  /// The input as outer × extent × inner, where slices of `inner` elements are chosen among `extent`.
  private func extents(of shape: Shape, _ axis: Int?) -> (outer: Int, extent: Int, inner: Int) {
    guard let axis else { return (1, shape.count, 1) }
    return (shape.count(0..<axis), shape[axis], shape.count((axis + 1)..<shape.rank))
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let (input, output) = (try context.input(0), try context.output(0))
    let width = try context.movableByteCount(input.dataType)
    guard let chosen = try chosen(context.constant(1), context) else {
      throw context.unsupported("the shape of the output depends on the data")
    }
    let axis = try axis.map { given throws(OperatorError) in try context.axis(given, rank: input.shape.rank) }
    let (outer, extent, inner) = extents(of: input.shape, axis)
    guard chosen.last ?? -1 < extent, output.count == outer * chosen.count * inner else {
      throw context.invalid("the condition holds beyond the input")
    }
    var steps: [StridedCopy] = []
    var position = 0
    while position < chosen.count {
      var count = 1
      while position + count < chosen.count, chosen[position + count] == chosen[position] + count { count += 1 }
      steps.append(
        StridedCopy(
          shape: [outer, count * inner], elementByteCount: width, from: 0, offset: chosen[position] * inner,
          strides: [extent * inner, 1], to: 0, outputOffset: position * inner,
          outputStrides: [chosen.count * inner, 1]))
      position += count
    }
    return .copies(steps, unreadInputs: [1])
  }
}
