import GraphIR
import Tensors

/// ONNX `Tile`: the input repeated along its axes.
///
/// Before opset 6 the inputs are a number of repeats and the axis they belong to; since then, one number for each axis.
public struct Tile: Operator {
  public static let signatures = [Signature("Tile")]

  private let hasOneAxis: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    hasOneAxis = node.version < 6
    try node.expectInputs(hasOneAxis ? 3...3 : 2...2)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let input = try context.tensor(0)
    guard let dims = input.dims else { return [.tensor(TensorType(input.dataType, nil as [Dimension]?))] }
    guard let repeats = try repeats(rank: dims.count, context) else {
      return [.tensor(TensorType(input.dataType, [Dimension](repeating: .unknown, count: dims.count)))]
    }
    var result: [Dimension] = []
    for (dim, times) in zip(dims, repeats) {
      switch (dim, times) {
      case (_, 1): result.append(dim)
      case (_, 0): result.append(0)
      case (.fixed(let extent), _):
        let (product, overflow) = extent.multipliedReportingOverflow(by: times)
        guard !overflow else { throw context.invalid("the repeats \(repeats) are too large") }
        result.append(.fixed(product))
      case (.symbol, _), (.unknown, _): result.append(.unknown)
      }
    }
    try context.checkCount(result, of: input.dataType)
    return [.tensor(TensorType(input.dataType, result))]
  }

  private func repeats(rank: Int, _ context: InferenceContext) throws(OperatorError) -> [Int]? {
    guard let given = try context.integers(1) else { return nil }
    var repeats = given
    if hasOneAxis {
      guard let axes = try context.integers(2) else { return nil }
      guard given.count == 1, axes.count == 1 else { throw context.invalid("repeats and axis must be single numbers") }
      repeats = [Int](repeating: 1, count: rank)
      repeats[try context.axis(axes[0], rank: rank)] = given[0]
    }
    guard repeats.count == rank, repeats.allSatisfy({ $0 >= 0 }) else {
      throw context.invalid("the repeats \(repeats) do not fit rank \(rank)")
    }
    return repeats
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Unpacking.kernel(self, context) { return kernel }
    let (input, output) = (try context.input(0), try context.output(0))
    let width = try context.movableByteCount(input.dataType)
    let unread = Set(context.inputs.indices.dropFirst())
    var (shape, strides, outputStrides): ([Int], [Int], [Int]) = ([], [], [])
    for axis in 0..<input.shape.rank {
      let extent = input.shape[axis]
      shape += [extent > 0 ? output.shape[axis] / extent : 0, extent]
      strides += [0, input.strides[axis]]
      outputStrides += [extent * output.strides[axis], output.strides[axis]]
    }
    return .copies(
      [
        StridedCopy(
          shape: shape, elementByteCount: width, from: 0, offset: 0, strides: strides, to: 0, outputOffset: 0,
          outputStrides: outputStrides)
      ], unreadInputs: unread)
  }
}
