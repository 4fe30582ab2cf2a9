import CKernels
import GraphIR
import Tensors

/// The right-hand matrices of products, packed for `vz_gemm_f32`: once if they are constant, else at every run.
struct PackedMatrix: @unchecked Sendable {
  /// Rows and columns of each matrix, and how many there are.
  let k: Int
  let n: Int
  let count: Int
  /// Floats between matrices, rows and columns in the operand.
  private let matrixStride: Int
  private let rowStride: Int
  /// Floats before the first matrix in the operand.
  private let offset: Int
  private let columnStride: Int
  private let kernels: UnsafePointer<vz_kernels>
  /// Bytes of one packed matrix, a multiple of the alignment.
  let byteCount: Int
  /// All matrices packed, if the operand is constant.
  let constant: TensorBuffer?

  /// - Parameters:
  ///   - input: the operand: `count` row-major matrices of k rows and n columns, or their transposes.
  ///   - offset: floats before the first matrix.
  ///   - matrixStride: floats from one matrix to the next; k · n by default.
  ///   - factor: multiplies every element of a constant operand.
  init(
    _ context: KernelContext, input: Int, k: Int, n: Int, count: Int, offset: Int = 0, matrixStride: Int? = nil,
    isTransposed: Bool = false, factor: Float = 1
  ) throws(OperatorError) {
    (self.k, self.n, self.count) = (k, n, count)
    self.offset = offset
    let matrixStride = matrixStride ?? k * n
    self.matrixStride = matrixStride
    (rowStride, columnStride) = isTransposed ? (1, k) : (n, 1)
    kernels = context.target.kernels
    byteCount = (vz_gemm_pack_b_bytes(kernels, k, n) + 63) / 64 * 64
    guard let tensor = context.constant(input) else {
      constant = nil
      return
    }
    let level = String(cString: vz_cpu_name(context.target.level))
    let (kernels, rowStride, columnStride, byteCount) = (kernels, rowStride, columnStride, byteCount)
    let table = Captured(kernels)
    let isIntact = { @Sendable (packed: UnsafeRawPointer) in
      (0..<count).allSatisfy { vz_gemm_pack_b_fits(table.value, k, n, packed + $0 * byteCount) }
    }
    constant = context.packed(
      "matrix/\(input)/\(offset)/\(count)x\(k)x\(n)/\(level)", byteCount: max(byteCount * count, 64), isIntact: isIntact
    ) { target in
      let source = tensor.baseAddress.assumingMemoryBound(to: Float.self) + offset
      for index in 0..<count {
        let matrix = target + index * byteCount
        vz_gemm_pack_b_f32(table.value, k, n, source + index * matrixStride, rowStride, columnStride, matrix)
        vz_gemm_scale_b_f32(matrix, factor)
      }
      withExtendedLifetime(tensor) {}
    }
  }

  /// Scratch bytes that `matrix` needs.
  var scratchByteCount: Int { constant == nil ? byteCount : 0 }

  /// Matrix `index` packed, in `scratch` if the operand is not constant.
  func matrix(_ index: Int, of operand: UnsafePointer<Float>?, _ scratch: UnsafeMutableRawPointer?) -> UnsafeRawPointer {
    if let constant { return UnsafeRawPointer(constant.base + index * byteCount) }
    vz_gemm_pack_b_f32(kernels, k, n, operand! + offset + index * matrixStride, rowStride, columnStride, scratch)
    return UnsafeRawPointer(scratch!)
  }
}
