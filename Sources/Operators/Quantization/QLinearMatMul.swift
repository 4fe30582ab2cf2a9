import CKernels
import GraphIR
import Tensors

/// ONNX `QLinearMatMul`: the product of quantized matrices, quantized again.
///
/// Inputs: a, its scale and zero point, b, its scale and zero point, scale and zero point of the output. The left side
/// may have a scale for each row, the right one for each column.
public struct QLinearMatMul: Operator {
  public static let signatures = [Signature("QLinearMatMul", versions: 10...Signature.newestOpset)]

  public init(_ node: NodeReader) throws(OperatorError) { try node.expectInputs(8...8, mayLackAny: true) }

  private static let types: Set<DataType> = DataType.quantizedFloats.union([.uint8, .int8]).subtracting([.float4e2m1])

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    _ = try context.elementType(0, in: Self.types)
    _ = try context.elementType(3, in: Self.types)
    for index in [1, 4, 6] { _ = try context.elementType(index, in: DataType.floats.subtracting([.float64])) }
    try context.expectSameElementType(0, 2)
    try context.expectSameElementType(3, 5)
    let type = try context.elementType(7, in: Self.types)
    return [try context.outputType(type, try context.productDims(0, 3))]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let output = try context.output(0)
    guard output.count > 0 else { return Kernel { _ in } }
    guard try context.input(6).count == 1, try context.input(7).count == 1 else {
      throw context.unsupported("several scales for the output are not implemented")
    }
    let scales = try ProductScales(context)
    if [output, try context.input(0)].contains(where: \.dataType.isFloatingPoint) {
      return try floatKernel(context, scales)
    }
    let product = try IntegerProduct(IntegerProduct.Inputs(a: 0, b: 3, aZero: 2, bZero: 5), context)
    let products = product.products, type = output.dataType
    var plan = ScratchPlan()
    _ = plan.reserve(product.scratchByteCount)
    let offset = plan.reserve(output.count * 4)
    return Kernel(
      scratchByteCount: plan.byteCount, retained: [product.packed, products.offsets].compactMap { $0 },
      unreadInputs: product.unread
    ) { operands in
      let sums = (operands.exec.pointee.scratch! + offset).assumingMemoryBound(to: Int32.self)
      product.run(operands, into: sums)
      let zero = Int32(ElementAccess.integer(operands.rawInput(7), 0, type))
      let kernels = operands.exec.pointee.kernels!
      let (n, rows) = (products.n, products.m * products.count)
      for row in 0..<rows {
        let first = products.left(row / products.m) / max(products.k, 1) + row % products.m
        if scales.columns == 1 {
          let scale = scales.scale(operands, row: first, column: 0)
          Self.requantize(kernels, n, sums + row * n, scale, zero, operands.rawOutput(0) + row * n, type)
        } else {
          let right = products.right(row / products.m) * n
          for j in 0..<n {
            let scale = scales.scale(operands, row: first, column: right + j)
            Self.requantize(kernels, 1, sums + row * n + j, scale, zero, operands.rawOutput(0) + row * n + j, type)
          }
        }
      }
    }
  }

  private static func requantize(
    _ kernels: UnsafePointer<vz_kernels>, _ count: Int, _ sums: UnsafePointer<Int32>, _ scale: Float, _ zero: Int32,
    _ y: UnsafeMutableRawPointer, _ type: DataType
  ) {
    if type == .int8 {
      kernels.pointee.requantize_s32_s8(count, sums, 0, scale, zero, y.assumingMemoryBound(to: Int8.self))
    } else {
      kernels.pointee.requantize_s32_u8(count, sums, 0, scale, zero, y.assumingMemoryBound(to: UInt8.self))
    }
  }

  /// Matrices of 8-bit floats, which have no zero points: summed up in float.
  private func floatKernel(_ context: KernelContext, _ scales: ProductScales) throws(OperatorError) -> Kernel {
    let a = try context.input(0), b = try context.input(3), type = try context.output(0).dataType
    let products = try MatrixProducts(a.shape, b.shape, context)
    let (aType, bType) = (a.dataType, b.dataType)
    let (m, n, k) = (products.m, products.n, products.k)
    return Kernel(retained: [products.offsets]) { operands in
      let x = operands.rawInput(0), w = operands.rawInput(3)
      for index in 0..<products.count {
        let left = products.left(index), right = products.right(index)
        for i in 0..<m {
          for j in 0..<n {
            var sum = 0.0
            for l in 0..<k {
              sum += ElementAccess.double(x, left + i * k + l, aType)
                * ElementAccess.double(w, (right * k + l) * n + j, bType)
            }
            let scale = scales.scale(operands, row: left / max(k, 1) + i, column: right * n + j)
            ElementAccess.store(sum * Double(scale), operands.rawOutput(0), (index * m + i) * n + j, type)
          }
        }
      }
    }
  }
}

/// What turns the sums of a quantized product into its output: scale of a row · scale of a column / scale of the output.
private struct ProductScales: Sendable {
  private let rows: Int
  let columns: Int
  private let rowType: DataType
  private let columnType: DataType
  private let outputType: DataType

  init(_ context: KernelContext) throws(OperatorError) {
    let a = try context.input(1), b = try context.input(4)
    (rows, columns) = (a.count, b.count)
    (rowType, columnType) = (a.dataType, b.dataType)
    outputType = try context.input(6).dataType
    guard rows > 0, columns > 0 else { throw context.invalid("a scale is empty") }
  }

  @inline(__always)
  func scale(_ operands: Operands, row: Int, column: Int) -> Float {
    let a = Float(ElementAccess.double(operands.rawInput(1), row % rows, rowType))
    let b = Float(ElementAccess.double(operands.rawInput(4), column % columns, columnType))
    return a * b / Float(ElementAccess.double(operands.rawInput(6), 0, outputType))
  }
}
