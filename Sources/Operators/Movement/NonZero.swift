import GraphIR
import Tensors

/// ONNX `NonZero`: the coordinates of the elements that are not zero, one row per axis, in row-major order.
public struct NonZero: HostOperator {
  public static let signatures = [Signature("NonZero", versions: 9...Signature.newestOpset)]

  public init(_ node: NodeReader) throws(OperatorError) { try node.expectInputs(1...1) }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let input = try context.tensor(0)
    if let type = input.dataType, !ElementAccess.supports(type) { throw context.unsupported("\(type) has no zero") }
    let rank = input.dims.map { Dimension.fixed(max($0.count, 1)) } ?? .unknown
    return [.tensor(TensorType(.int64, [rank, .unknown]))]
  }

  public func evaluate(_ context: EvaluationContext) throws(OperatorError) -> [RuntimeValue] {
    let input = try context.tensor(0)
    // A scalar counts as a vector of one element.
    let shape = input.shape.rank == 0 ? Shape([1]) : input.shape
    let found = positions(in: input)
    let output = try context.makeTensor(.int64, [shape.rank, found.count], isZeroed: false)
    let target = output.buffer.base.assumingMemoryBound(to: Int64.self)
    let strides = shape.rowMajorStrides
    for axis in shape.dims.indices {
      for (column, position) in found.enumerated() {
        target[axis * found.count + column] = Int64(position / strides[axis] % shape[axis])
      }
    }
    return [.tensor(output)]
  }

  private func positions(in tensor: Tensor) -> [Int] {
    tensor.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return [] }
      let type = tensor.dataType
      return type.isFloatingPoint
        ? (0..<tensor.count).filter { ElementAccess.double(base, $0, type) != 0 }
        : (0..<tensor.count).filter { ElementAccess.integer(base, $0, type) != 0 }
    }
  }
}
