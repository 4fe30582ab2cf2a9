import GraphIR
import Tensors

/// ONNX `ConstantOfShape`: a tensor of the shape that the input says, filled with one value.
public struct ConstantOfShape: Operator {
  public static let signatures = [Signature("ConstantOfShape", versions: 9...Signature.newestOpset)]

  private let value: Tensor

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    value = try node.tensor("value") ?? Tensor([0 as Float])
    guard value.shape.checkedCount == 1 else { throw node.invalid("the value must have one element") }
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    guard let extents = try context.integers(0) else {
      let rank = try context.shape(0).flatMap { $0.rank == 1 && $0[0] <= 64 ? $0[0] : nil }
      return [.tensor(TensorType(value.dataType, rank.map { [Dimension](repeating: .unknown, count: $0) }))]
    }
    guard extents.allSatisfy({ $0 >= 0 }) else { throw context.invalid("the shape \(extents) has a negative extent") }
    let dims = extents.map { Dimension.fixed($0) }
    try context.checkCount(dims, of: value.dataType)
    return [.tensor(TensorType(value.dataType, dims))]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let output = try context.output(0)
    if let kernel = Unpacking.fill(value, output) { return kernel }
    let width = try context.movableByteCount(value.dataType)
    let element = TensorBuffer(byteCount: 16)
    value.withUnsafeBytes { element.base.copyMemory(from: $0.baseAddress!, byteCount: width) }
    return .copies(
      [
        StridedCopy(
          shape: output.shape.dims, value: element, elementByteCount: width, to: 0, outputOffset: 0,
          outputStrides: output.strides)
      ], unreadInputs: [0])
  }
}
