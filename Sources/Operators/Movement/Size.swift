import GraphIR
import Tensors

/// ONNX `Size`: how many elements the input has.
public struct Size: Operator {
  public static let signatures = [Signature("Size")]

  public init(_ node: NodeReader) throws(OperatorError) { try node.expectInputs(1...1) }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    [.tensor(TensorType(.int64, []))]
  }

  public func fold(_ context: InferenceContext) throws(OperatorError) -> [Tensor]? {
    try context.shape(0)?.checkedCount.map { [Tensor(scalar: Int64($0))] }
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    throw context.invalid("the shape of the input is not known before the run")
  }
}
