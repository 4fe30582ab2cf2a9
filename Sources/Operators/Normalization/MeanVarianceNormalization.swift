import GraphIR
import Tensors

/// ONNX `MeanVarianceNormalization`: mean 0 and variance 1 over some axes together.
public struct MeanVarianceNormalization: Operator {
  public static let signatures = [Signature("MeanVarianceNormalization", versions: 9...Signature.newestOpset)]

  let axes: [Int]

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    axes = try node.ints("axes") ?? [0, 2, 3]
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.elementType(0, in: DataType.floats)
    let dims = try context.tensor(0).dims
    if let dims, !axes.allSatisfy({ -dims.count..<dims.count ~= $0 }) {
      throw context.invalid("attribute “axes” is \(axes) for an input of shape \(TensorType(nil, dims).extents)")
    }
    return [try context.outputType(type, dims)]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Widening.kernel(self, context, of: Widening.floats) { return kernel }
    try context.expectFloat32(0)
    let shape = try context.input(0).shape
    guard shape.count <= 1 << 28 else { throw context.unsupported("an input of shape \(shape) is not implemented") }
    let strides = shape.rowMajorStrides
    let reduced = Set(axes.map { $0 < 0 ? $0 + shape.rank : $0 })
    let inner = Self.offsets(shape, strides, axes: shape.dims.indices.filter(reduced.contains))
    let outer = Self.offsets(shape, strides, axes: shape.dims.indices.filter { !reduced.contains($0) })
    return Kernel(inPlaceInputs: [0]) { operands in
      let x = operands.input(0, as: Float.self), y = operands.output(0, as: Float.self)
      for start in outer {
        var sum = 0.0, squares = 0.0
        for offset in inner { sum += Double(x[start + offset]) }
        let mean = sum / Double(inner.count)
        for offset in inner {
          let deviation = Double(x[start + offset]) - mean
          squares += deviation * deviation
        }
        // The small number keeps a constant input at 0, as in the function that defines the operator.
        let deviation = (squares / Double(inner.count)).squareRoot() + 1e-9
        for offset in inner { y[start + offset] = Float((Double(x[start + offset]) - mean) / deviation) }
      }
    }
  }

  /// The offset of every index along `axes`.
  private static func offsets(_ shape: Shape, _ strides: [Int], axes: [Int]) -> [Int] {
    var result = [0]
    for axis in axes { result = result.flatMap { start in (0..<shape[axis]).map { start + $0 * strides[axis] } } }
    return result
  }
}
