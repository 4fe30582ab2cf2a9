import GraphIR
import Tensors

/// ONNX `Flatten`: the input as a matrix, with the axes before `axis` as rows and the others as columns.
public struct Flatten: Operator {
  public static let signatures = [Signature("Flatten")]

  private let axis: Int

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    axis = try node.int("axis", default: 1)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let input = try context.tensor(0)
    guard let dims = input.dims else { return [.tensor(TensorType(input.dataType, [.unknown, .unknown]))] }
    guard axis >= -dims.count, axis <= dims.count else {
      throw context.invalid("axis \(axis) is out of range for rank \(dims.count)")
    }
    let split = axis < 0 ? axis + dims.count : axis
    try context.checkCount(dims, of: input.dataType)
    return [.tensor(TensorType(input.dataType, [product(dims[..<split]), product(dims[split...])]))]
  }

  private func product(_ dims: ArraySlice<Dimension>) -> Dimension {
    if dims.contains(0) { return 0 }
    let others = dims.filter { $0 != 1 }
    if others.count == 1 { return others[0] }
    return TensorType(nil, Array(dims)).shape?.checkedCount.map { .fixed($0) } ?? .unknown
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel { .view(of: 0) }
}
