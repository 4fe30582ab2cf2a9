import GraphIR
import Tensors

/// ONNX `Expand`: the input broadcast against a shape, in both directions.
public struct Expand: Operator {
  public static let signatures = [Signature("Expand", versions: 8...Signature.newestOpset)]

  public init(_ node: NodeReader) throws(OperatorError) { try node.expectInputs(2...2) }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let input = try context.tensor(0)
    guard let target = try context.integers(1) else {
      guard let rank = input.dims?.count, let count = try context.shape(1)?.dims.first, count <= 64 else {
        return [.tensor(TensorType(input.dataType, nil as [Dimension]?))]
      }
      return [.tensor(TensorType(input.dataType, [Dimension](repeating: .unknown, count: max(rank, count))))]
    }
    guard target.allSatisfy({ $0 >= 0 }) else { throw context.invalid("the shape \(target) has a negative extent") }
    let dims = try Broadcasting.dims([input.dims, target.map { .fixed($0) }], context)
    if let dims { try context.checkCount(dims, of: input.dataType) }
    return [.tensor(TensorType(input.dataType, dims))]
  }

  public func layout(_ context: LayoutContext) -> LayoutPolicy { .any }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Unpacking.kernel(self, context) { return kernel }
    let strides = Broadcasting.strides(of: try context.input(0), over: try context.output(0).shape)
    return try .box(of: 0, offset: 0, strides: strides, unreadInputs: [1], context)
  }
}
