import CKernels
import GraphIR
import Tensors

/// ONNX `QuantizeLinear`, and `com.microsoft`'s: x / scale, rounded halves to even, + zero point, saturated.
///
/// Inputs: x, scale, zero point (optional). Scales are for the whole tensor, for an axis or for blocks along it. Narrow
/// floats are rounded to as `Cast` does, and have no zero point but 0.
public struct QuantizeLinear: ElementwiseOperator {
  public static let signatures = [
    Signature("QuantizeLinear", versions: 10...Signature.newestOpset),
    Signature("QuantizeLinear", domain: Contributed.domain),
  ]

  private let attributes: QuantizationAttributes
  private let saturates: Bool
  private let hasZeroPoint: Bool
  public var computesIntegersAsFloats: Bool { true }

  public init(_ node: NodeReader) throws(OperatorError) {
    attributes = try QuantizationAttributes(node)
    saturates = try node.bool("saturate", default: true)
    hasZeroPoint = node.hasInput(2)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    _ = try context.elementType(0, in: DataType.floats.union([.int32]))
    _ = try context.elementType(1, in: DataType.floats.union([.int32, .float8e8m0]))
    var type = attributes.outputType
    if context.has(2) {
      let own = try context.elementType(2, in: DataType.quantizedIntegers.union(DataType.quantizedFloats))
      if let own, let type, own != type {
        throw context.invalid("the zero point is \(own), but the attribute “output_dtype” says \(type)")
      }
      type = own
    } else if type == nil {
      type = .uint8
    }
    try attributes.check(context)
    return [.tensor(TensorType(type, try context.tensor(0).dims))]
  }

  public func canFuse(inputs: [TensorType], output: TensorType) -> Bool {
    isElementwise(types: inputs.map(\.dataType), scale: inputs[1].shape, output: output.dataType)
  }

  private func isElementwise(types: [DataType?], scale: Shape?, output: DataType?) -> Bool {
    types[0] == .float32 && types[1] == .float32 && scale?.count == 1 && output == (hasZeroPoint ? types[2] : .uint8)
      && output?.isElementwiseInteger ?? false
  }

  /// Without saturation, which needs the type of the output.
  public func emit(
    _ program: inout ElementwiseProgram, _ inputs: [ElementwiseProgram.Register]
  ) -> ElementwiseProgram.Register {
    let rounded = program.apply(VZ_ELTWISE_ROUND, program.apply(VZ_ELTWISE_DIV, inputs[0], inputs[1]))
    return hasZeroPoint ? program.apply(VZ_ELTWISE_ADD, rounded, inputs[2]) : rounded
  }

  public func emit(
    _ program: inout ElementwiseProgram, _ inputs: [ElementwiseProgram.Register], output: DataType
  ) -> ElementwiseProgram.Register {
    let value = emit(&program, inputs)
    guard let range = output.quantizedRange else { return value }
    let bounds = (program.constant(Float(range.lowerBound)), program.constant(Float(range.upperBound)))
    return program.apply(VZ_ELTWISE_CLIP, value, bounds.0, bounds.1)
  }

  public func layout(_ context: LayoutContext) -> LayoutPolicy {
    let types = context.inputs.map { $0?.dataType }
    let output = context.outputs.first.flatMap { $0?.dataType }
    return isElementwise(types: types, scale: context.inputs[1]?.shape, output: output) ? .any : .rowMajor
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let (x, output) = (try context.input(0), try context.output(0))
    let types = context.inputs.map { $0?.dataType }
    if isElementwise(types: types, scale: try context.input(1).shape, output: output.dataType) {
      return try ElementwiseKernel.quantization(self, context)
    }
    let grid = try attributes.grid(context)
    let (xType, scaleType, type) = (x.dataType, try context.input(1).dataType, output.dataType)
    let isFast = xType == .float32 && scaleType == .float32 && (type == .uint8 || type == .int8) && grid.inner >= 8
    let (range, saturates, hasZeroPoint) = (type.quantizedRange, saturates, hasZeroPoint)
    // Packed elements may leave part of the last byte unused.
    let unusedByte = type.elementByteCount == nil && output.count > 0 ? output.byteCount - 1 : nil
    return Kernel { operands in
      let (source, scales, target) = (operands.rawInput(0), operands.rawInput(1), operands.rawOutput(0))
      let zeros = hasZeroPoint ? operands.rawInput(2) : nil
      if let unusedByte { target.storeBytes(of: 0, toByteOffset: unusedByte, as: UInt8.self) }
      grid.forEachRun { start, first, step in
        if isFast, step == 0 {
          Self.quantizeRow(
            operands.exec.pointee.kernels, grid.inner, source + start * 4,
            scales.loadUnaligned(fromByteOffset: first * 4, as: Float.self),
            zeros.map { Int32(ElementAccess.integer($0, first, type)) } ?? 0, target + start, type)
          return
        }
        for k in 0..<grid.inner {
          let scale = Float(ElementAccess.double(scales, first + k * step, scaleType))
          let quotient = Float(ElementAccess.double(source, start + k, xType)) / scale
          guard let range else {
            Self.storeFloat(Double(quotient), target, start + k, type, saturates: saturates)
            continue
          }
          let zero = zeros.map { Float(ElementAccess.integer($0, first + k * step, type)) } ?? 0
          let value = quotient.rounded(.toNearestOrEven) + zero
          let code = value > Float(range.lowerBound) ? Int(min(value, Float(range.upperBound))) : range.lowerBound
          ElementAccess.store(Int64(code), target, start + k, type)
        }
      }
    }
  }

  private static func quantizeRow(
    _ kernels: UnsafePointer<vz_kernels>, _ count: Int, _ x: UnsafeRawPointer, _ scale: Float, _ zero: Int32,
    _ y: UnsafeMutableRawPointer, _ type: DataType
  ) {
    let x = x.assumingMemoryBound(to: Float.self)
    if type == .int8 {
      kernels.pointee.quantize_f32_s8(count, x, scale, zero, y.assumingMemoryBound(to: Int8.self))
    } else {
      kernels.pointee.quantize_f32_u8(count, x, scale, zero, y.assumingMemoryBound(to: UInt8.self))
    }
  }

  private static func storeFloat(
    _ value: Double, _ target: UnsafeMutableRawPointer, _ index: Int, _ type: DataType, saturates: Bool
  ) {
    guard let format = NarrowFloat.format(type), type.bitWidth == 8 else {
      ElementAccess.store(value, target, index, type)
      return
    }
    let code = format.encode(value, saturating: saturates)
    target.storeBytes(of: UInt8(truncatingIfNeeded: code), toByteOffset: index, as: UInt8.self)
  }
}
