import GraphIR
import Tensors

/// ONNX `Squeeze`: the input without some of its axes of one element, or without all of them.
///
/// Axes are an attribute before opset 13 and an input since.
public struct Squeeze: Operator {
  public static let signatures = [Signature("Squeeze")]

  private let attribute: [Int]?

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...(node.version < 13 ? 1 : 2))
    attribute = node.version < 13 ? try node.ints("axes") : nil
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let input = try context.tensor(0)
    let listed = context.has(1) ? try context.integers(1) : attribute
    guard let dims = input.dims else { return [.tensor(TensorType(input.dataType, nil as [Dimension]?))] }
    if let listed {
      let axes = try context.axes(listed, rank: dims.count)
      for axis in axes {
        if let extent = dims[axis].value, extent != 1 {
          throw context.invalid("axis \(axis) has \(extent) elements and cannot be dropped")
        }
      }
      return [.tensor(TensorType(input.dataType, dims.indices.filter { !axes.contains($0) }.map { dims[$0] }))]
    }
    guard !context.has(1), dims.allSatisfy({ $0.value != nil }) else {
      return [.tensor(TensorType(input.dataType, nil as [Dimension]?))]
    }
    return [.tensor(TensorType(input.dataType, dims.filter { $0 != 1 }))]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel { .view(of: 0) }
}
