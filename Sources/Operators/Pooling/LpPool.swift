import CKernels
import GraphIR
import Tensors

/// ONNX `LpPool`: the p-norm of each window.
public struct LpPool: Operator {
  public static let signatures = [Signature("LpPool")]

  let window: SlidingWindow
  let power: Float

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    window = try SlidingWindow(node)
    power = node.version < 2 ? try node.float("p", default: 2) : Float(try node.int("p", default: 2))
    guard power >= 1 else { throw node.invalid("attribute “p” is \(power); it must be at least 1") }
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.elementType(0, in: DataType.floats)
    return [try context.outputType(type, window.pooledDims(context))]
  }

  public func layout(_ context: LayoutContext) -> LayoutPolicy { .any }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Widening.kernel(self, context, of: Widening.floats) { return kernel }
    try context.expectFloat32(0)
    let shape = try PoolingShape.make(context, axes: window.pooledAxes(context))
    let power = self.power
    return Kernel { operands in
      withUnsafePointer(to: shape) { vz_lp_pool_f32(operands.exec, $0, power, operands.input(0), operands.output(0)) }
    }
  }
}
