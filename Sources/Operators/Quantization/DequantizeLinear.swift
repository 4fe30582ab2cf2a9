import CKernels
import GraphIR
import Tensors

/// ONNX `DequantizeLinear`, and `com.microsoft`'s: (x - zero point) · scale.
///
/// Inputs: x, scale, zero point (optional). Scales are for the whole tensor, for an axis or for blocks along it.
public struct DequantizeLinear: ElementwiseOperator {
  public static let signatures = [
    Signature("DequantizeLinear", versions: 10...Signature.newestOpset),
    Signature("DequantizeLinear", domain: Contributed.domain),
  ]

  private let attributes: QuantizationAttributes
  private let hasZeroPoint: Bool
  public var computesIntegersAsFloats: Bool { true }

  public init(_ node: NodeReader) throws(OperatorError) {
    attributes = try QuantizationAttributes(node)
    hasZeroPoint = node.hasInput(2)
  }

  private static let inputTypes = DataType.quantizedIntegers.union(DataType.quantizedFloats).union([.int32])

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    _ = try context.elementType(0, in: Self.inputTypes)
    let scale = try context.elementType(1, in: DataType.floats.union([.float8e8m0]))
    try context.expectSameElementType(0, 2)
    try attributes.check(context)
    let type = attributes.outputType ?? (scale == .float8e8m0 ? .float32 : scale)
    return [.tensor(TensorType(type, try context.tensor(0).dims))]
  }

  public func canFuse(inputs: [TensorType], output: TensorType) -> Bool {
    isElementwise(types: inputs.map(\.dataType), scale: inputs[1].shape, output: output.dataType)
  }

  private func isElementwise(types: [DataType?], scale: Shape?, output: DataType?) -> Bool {
    types[0]?.isElementwiseInteger ?? false && types[1] == .float32 && scale?.count == 1 && output == .float32
  }

  public func emit(
    _ program: inout ElementwiseProgram, _ inputs: [ElementwiseProgram.Register]
  ) -> ElementwiseProgram.Register {
    let difference = hasZeroPoint ? program.apply(VZ_ELTWISE_SUB, inputs[0], inputs[2]) : inputs[0]
    return program.apply(VZ_ELTWISE_MUL, difference, inputs[1])
  }

  public func layout(_ context: LayoutContext) -> LayoutPolicy {
    let types = context.inputs.map { $0?.dataType }
    let output = context.outputs.first.flatMap { $0?.dataType }
    return isElementwise(types: types, scale: context.inputs[1]?.shape, output: output) ? .any : .rowMajor
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let (x, output) = (try context.input(0), try context.output(0))
    let (xType, scaleType, type) = (x.dataType, try context.input(1).dataType, output.dataType)
    let scale = try context.input(1).shape
    if isElementwise(types: [xType, scaleType], scale: scale, output: type) {
      return try ElementwiseKernel.quantization(self, context)
    }
    let grid = try attributes.grid(context)
    let isFast = scaleType == .float32 && type == .float32 && (xType == .uint8 || xType == .int8) && grid.inner >= 8
    let hasZeroPoint = hasZeroPoint
    return Kernel { operands in
      let (source, scales, target) = (operands.rawInput(0), operands.rawInput(1), operands.rawOutput(0))
      let zeros = hasZeroPoint ? operands.rawInput(2) : nil
      grid.forEachRun { start, first, step in
        if isFast, step == 0 {
          Self.dequantizeRow(
            operands.exec.pointee.kernels, grid.inner, source + start,
            scales.loadUnaligned(fromByteOffset: first * 4, as: Float.self),
            zeros.map { Int32(ElementAccess.integer($0, first, xType)) } ?? 0, target + start * 4, xType)
          return
        }
        for k in 0..<grid.inner {
          let scale = Float(ElementAccess.double(scales, first + k * step, scaleType))
          let value: Float
          if xType.isFloatingPoint {
            value = Float(ElementAccess.double(source, start + k, xType))
          } else {
            let zero = zeros.map { ElementAccess.integer($0, first + k * step, xType) } ?? 0
            value = Float(ElementAccess.integer(source, start + k, xType) - zero)
          }
          ElementAccess.store(Double(value * scale), target, start + k, type)
        }
      }
    }
  }

  private static func dequantizeRow(
    _ kernels: UnsafePointer<vz_kernels>, _ count: Int, _ x: UnsafeRawPointer, _ scale: Float, _ zero: Int32,
    _ y: UnsafeMutableRawPointer, _ type: DataType
  ) {
    let y = y.assumingMemoryBound(to: Float.self)
    if type == .int8 {
      kernels.pointee.dequantize_s8_f32(count, x.assumingMemoryBound(to: Int8.self), scale, zero, y)
    } else {
      kernels.pointee.dequantize_u8_f32(count, x.assumingMemoryBound(to: UInt8.self), scale, zero, y)
    }
  }
}
