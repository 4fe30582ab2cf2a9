import CKernels
import GraphIR
import Tensors

/// ONNX `AveragePool`: the mean of each window.
public struct AveragePool: Operator {
  public static let signatures = [Signature("AveragePool")]

  let window: SlidingWindow
  let countsPadding: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    window = try SlidingWindow(node)
    countsPadding = try node.bool("count_include_pad", default: false)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.elementType(0, in: DataType.floats)
    return [try context.outputType(type, window.pooledDims(context))]
  }

  public func layout(_ context: LayoutContext) -> LayoutPolicy { .any }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Widening.kernel(self, context, of: Widening.floats) { return kernel }
    try context.expectFloat32(0)
    var parameters = try PoolingShape.make(context, axes: window.pooledAxes(context))
    parameters.count_include_pad = countsPadding
    let shape = parameters
    return Kernel { operands in
      withUnsafePointer(to: shape) { vz_average_pool_f32(operands.exec, $0, operands.input(0), operands.output(0)) }
    }
  }
}
