import GraphIR
import Tensors

/// ONNX `NonZero`: the coordinates of the elements that are not zero, one row per axis.
///
/// How many there are depends on the data, so only inference is here.
public struct NonZero: Operator {
  public static let signatures = [Signature("NonZero", versions: 9...Signature.newestOpset)]

  public init(_ node: NodeReader) throws(OperatorError) { try node.expectInputs(1...1) }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let rank = try context.tensor(0).dims.map { Dimension.fixed(max($0.count, 1)) } ?? .unknown
    return [.tensor(TensorType(.int64, [rank, .unknown]))]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    throw context.unsupported("the shape of the output depends on the data")
  }
}
