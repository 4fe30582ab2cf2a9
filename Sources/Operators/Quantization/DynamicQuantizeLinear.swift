import CKernels
import GraphIR
import Tensors

/// ONNX `DynamicQuantizeLinear`: x as uint8, with the scale and zero point that its own range (0 included) gives.
public struct DynamicQuantizeLinear: Operator {
  public static let signatures = [Signature("DynamicQuantizeLinear", versions: 11...Signature.newestOpset)]

  public init(_ node: NodeReader) throws(OperatorError) { try node.expectInputs(1...1) }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    _ = try context.elementType(0, in: [.float32])
    return [
      .tensor(TensorType(.uint8, try context.tensor(0).dims)), .tensor(TensorType(.float32, [])),
      .tensor(TensorType(.uint8, [])),
    ]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let count = try context.input(0).count
    let wanted = (0..<3).map { $0 < context.outputs.count && context.outputs[$0] != nil }
    return Kernel { operands in
      let x: UnsafePointer<Float> = operands.input(0)
      let kernels = operands.exec.pointee.kernels!
      var low: Float = 0, high: Float = 0
      kernels.pointee.range_f32(count, x, &low, &high)
      let scale = high > low ? (high - low) / 255 : 1
      let zero = min(max(-low / scale, 0), 255).rounded(.toNearestOrEven)
      if wanted[0] { kernels.pointee.quantize_f32_u8(count, x, scale, Int32(zero), operands.output(0)) }
      if wanted[1] { operands.output(1, as: Float.self)[0] = scale }
      if wanted[2] { operands.output(2, as: UInt8.self)[0] = UInt8(zero) }
    }
  }
}
