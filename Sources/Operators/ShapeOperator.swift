import GraphIR
import Tensors

/// ONNX `Shape`: the extents of the input, from axis `start` up to axis `end`.
public struct ShapeOperator: Operator {
  public static let signatures = [Signature("Shape")]

  let start: Int
  let end: Int?

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    start = try node.int("start", default: 0)
    end = try node.int("end")
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let count = try context.tensor(0).dims.map { Dimension.fixed(range(rank: $0.count).count) } ?? .unknown
    return [.tensor(TensorType(.int64, [count]))]
  }

  public func fold(_ context: InferenceContext) throws(OperatorError) -> [Tensor]? {
    guard let shape = try context.shape(0) else { return nil }
    return [Tensor(shape.dims[range(rank: shape.rank)].map(Int64.init))]
  }

  private func range(rank: Int) -> Range<Int> {
    func clamped(_ axis: Int) -> Int { min(max(axis < 0 ? axis + rank : axis, 0), rank) }
    let first = clamped(start)
    return first..<max(clamped(end ?? rank), first)
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    throw context.invalid("the shape of the input is not known before the run")
  }
}
