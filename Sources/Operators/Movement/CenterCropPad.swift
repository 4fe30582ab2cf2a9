import GraphIR
import Tensors

/// ONNX `CenterCropPad`: the middle of the input, or the input in the middle of zeros, along each axis.
public struct CenterCropPad: Operator {
  public static let signatures = [Signature("CenterCropPad", versions: 18...Signature.newestOpset)]

  private let axes: [Int]?

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(2...2)
    axes = try node.ints("axes")
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let input = try context.tensor(0)
    guard let dims = input.dims else { return [.tensor(TensorType(input.dataType, nil as [Dimension]?))] }
    let listed = try context.axes(axes ?? Array(dims.indices), rank: dims.count)
    let extents = try context.integers(1)
    if let extents, extents.count != listed.count || extents.contains(where: { $0 < 0 }) {
      throw context.invalid("the shape \(extents) does not fit \(listed.count) axes")
    }
    var result = dims
    for (position, axis) in listed.enumerated() { result[axis] = extents.map { .fixed($0[position]) } ?? .unknown }
    try context.checkCount(result, of: input.dataType)
    return [.tensor(TensorType(input.dataType, result))]
  }

  public func layout(_ context: LayoutContext) -> LayoutPolicy { .any }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Unpacking.kernel(self, context) { return kernel }
    let (input, output) = (try context.input(0), try context.output(0))
    let width = try context.movableByteCount(input.dataType)
    let (strides, outputStrides) = (input.strides, output.strides)
    var (shape, offset, outputOffset) = ([Int](), 0, 0)
    for axis in 0..<input.shape.rank {
      let (from, to) = (input.shape[axis], output.shape[axis])
      shape.append(min(from, to))
      if from > to { offset += (from - to) / 2 * strides[axis] }
      if to > from { outputOffset += (to - from) / 2 * outputStrides[axis] }
    }
    let zeros = StridedCopy(
      shape: output.shape.dims, elementByteCount: width, filledWith: nil, to: 0, outputOffset: 0,
      outputStrides: outputStrides)
    let middle = StridedCopy(
      shape: shape, elementByteCount: width, from: 0, offset: offset, strides: strides, to: 0,
      outputOffset: outputOffset, outputStrides: outputStrides)
    return .copies(Shape(shape) == output.shape ? [middle] : [zeros, middle], unreadInputs: [1])
  }
}
