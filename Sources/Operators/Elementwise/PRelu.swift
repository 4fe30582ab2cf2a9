import CKernels
import GraphIR
import Tensors

/// ONNX `PRelu`: negative elements are multiplied by slopes, which broadcast to the input.
///
/// Before opset 7, slopes are one number or one per channel (axis 1).
public struct PRelu: ElementwiseOperator, ActivationOperator {
  public static let signatures = [Signature("PRelu")]

  public let broadcastAxis: Int?

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(2...2)
    broadcastAxis = node.version < 7 ? 1 : nil
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let (input, slope) = (try context.tensor(0), try context.tensor(1))
    let type = try commonType([input.dataType, slope.dataType], context)
    guard let dims = input.dims, var slopeDims = slope.dims else { return [.tensor(TensorType(type, input.dims))] }
    if let broadcastAxis, TensorType(nil, slopeDims).shape?.checkedCount != 1 {
      slopeDims += [Dimension](repeating: 1, count: max(dims.count - broadcastAxis - slopeDims.count, 0))
    }
    let result = try Broadcasting.dims([dims, slopeDims], context)
    guard result?.count == dims.count else {
      throw context.invalid("slopes of shape \(Broadcasting.text(slopeDims)) do not fit the input")
    }
    for (known, extent) in zip(dims, result ?? []) where known.value != nil && known != extent {
      throw context.invalid("slopes of shape \(Broadcasting.text(slopeDims)) do not fit the input")
    }
    return [.tensor(TensorType(type, dims))]
  }

  public func emit(
    _ program: inout ElementwiseProgram, _ inputs: [ElementwiseProgram.Register]
  ) -> ElementwiseProgram.Register {
    program.apply(VZ_ELTWISE_PRELU, inputs[0], inputs[1])
  }

  public func activation(constants: [Tensor?]) -> Activation? {
    guard constants.count > 1, let slopes = constants[1], slopes.dataType == .float32 else { return nil }
    let values = slopes.elements(as: Float.self)
    if values.count == 1 { return .leakyRelu(alpha: values[0]) }
    // One slope per channel is [C, 1, ..., 1] (or [1, C, 1, ..., 1]); which rank the input has is not known here.
    let dims = slopes.shape.dims
    let isPerChannel =
      broadcastAxis != nil
      ? dims.count == 1
      : dims.count >= 2 && dims.indices.allSatisfy { dims[$0] == 1 || dims[$0] == values.count }
        && (dims[0] == values.count || (dims.count > 2 && dims[1] == values.count))
    return isPerChannel && dims.filter({ $0 != 1 }).count == 1 ? .prelu(slopes: values) : nil
  }
}
