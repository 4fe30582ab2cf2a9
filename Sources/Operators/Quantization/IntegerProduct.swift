import CKernels
import GraphIR
import Tensors

/// Products of matrices of 8-bit integers, summed up in 32 bits: what `MatMulInteger` and `QLinearMatMul` share.
struct IntegerProduct: @unchecked Sendable {
  /// Which inputs of the node hold what; nil where there is no zero point.
  struct Inputs: Hashable, Sendable {
    var a: Int
    var b: Int
    var aZero: Int?
    var bZero: Int?
  }

  let products: MatrixProducts
  private let inputs: Inputs
  private let job: vz_int_product
  private let aType: DataType
  private let bType: DataType
  /// Rows of all left matrices together, and columns of all right ones.
  private let aRows: Int
  private let bColumns: Int
  private let aZeroCount: Int
  private let bZeroCount: Int
  /// The right matrices as `vz_int_pack` leaves them, if they and their zero points are constant.
  let packed: TensorBuffer?
  private let packedByteCount: Int
  private let aZeros: Int
  private let bZeros: Int
  private let packedOffset: Int
  private let scratch: ScratchPlan

  var scratchByteCount: Int { scratch.byteCount }
  /// Inputs that are not read at the run.
  var unread: Set<Int> { packed == nil ? [] : Set([inputs.b, inputs.bZero].compactMap { $0 }) }

  init(_ inputs: Inputs, _ context: KernelContext) throws(OperatorError) {
    self.inputs = inputs
    let a = try context.input(inputs.a), b = try context.input(inputs.b)
    products = try MatrixProducts(a.shape, b.shape, context)
    let (m, n, k) = (products.m, products.n, products.k)
    (aType, bType) = (a.dataType, b.dataType)
    aRows = k == 0 ? m : a.count / k
    bColumns = products.rightCount * n
    aZeroCount = try inputs.aZero.map { index throws(OperatorError) in try context.input(index).count } ?? 1
    bZeroCount = try inputs.bZero.map { index throws(OperatorError) in try context.input(index).count } ?? 1
    guard aZeroCount > 0, aRows.isMultiple(of: aZeroCount) else {
      throw context.invalid("\(aZeroCount) zero points do not fit a left side of shape \(a.shape)")
    }
    guard bZeroCount == 1 || bZeroCount == n || bZeroCount == bColumns else {
      throw context.invalid("\(bZeroCount) zero points do not fit a right side of shape \(b.shape)")
    }
    job = vz_int_product(m: m, n: n, k: k, a_signed: aType == .int8, a_zero_step: aZeroCount == 1 ? 0 : 1)
    packedByteCount = (vz_int_packed_bytes(k, n) + 63) / 64 * 64
    var plan = ScratchPlan()
    _ = plan.reserve(withUnsafePointer(to: job) { vz_int_product_scratch_bytes($0, UInt32(context.target.threads)) })
    aZeros = plan.reserve(max(aRows, 1) * 2)
    bZeros = plan.reserve(max(bColumns, 1) * 2)
    let zero = inputs.bZero.map { context.constant($0) }
    if let tensor = b.constant, zero == nil || zero! != nil {
      let zeros = (zero ?? nil).map { tensor in (0..<tensor.count).map { ElementAccess.integer(tensor.baseAddress, $0, tensor.dataType) } }
      let values = (zeros ?? [0]).map { Int16(truncatingIfNeeded: $0) }
      let (bytes, count, step) = (packedByteCount, products.rightCount, values.count == 1 ? 0 : 1)
      let isSigned = bType == .int8
      packed = context.packed("integer", byteCount: bytes * count) { target in
        tensor.withUnsafeBytes { source in
          for index in 0..<count {
            let first = values.count == n * count ? index * n * step : 0
            values.withUnsafeBufferPointer { zeros in
              vz_int_pack(
                k, n, source.baseAddress.map { $0 + index * k * n }, isSigned, n, 1, zeros.baseAddress! + first, step,
                (target + index * bytes).assumingMemoryBound(to: Int16.self))
            }
          }
        }
      }
      packedOffset = 0
    } else {
      packed = nil
      packedOffset = plan.reserve(packedByteCount * products.rightCount)
    }
    scratch = plan
  }

  /// Computes all products into `sums`: [product, m, n].
  func run(_ operands: Operands, into sums: UnsafeMutablePointer<Int32>) {
    let memory = operands.exec.pointee.scratch!
    let leftZeros = (memory + aZeros).assumingMemoryBound(to: Int16.self)
    fill(leftZeros, count: aZeroCount == 1 ? 1 : aRows, from: inputs.aZero, of: aZeroCount, aType, operands)
    let right = packed.map { UnsafeMutableRawPointer($0.base) } ?? memory + packedOffset
    let (m, n, k) = (products.m, products.n, products.k)
    if packed == nil {
      let rightZeros = (memory + bZeros).assumingMemoryBound(to: Int16.self)
      fill(rightZeros, count: bZeroCount == 1 ? 1 : bColumns, from: inputs.bZero, of: bZeroCount, bType, operands)
      for index in 0..<products.rightCount {
        vz_int_pack(
          k, n, operands.rawInput(inputs.b) + index * k * n, bType == .int8, n, 1,
          rightZeros + (bZeroCount == 1 ? 0 : index * n), bZeroCount == 1 ? 0 : 1,
          (right + index * packedByteCount).assumingMemoryBound(to: Int16.self))
      }
    }
    withUnsafePointer(to: job) { job in
      for index in 0..<products.count {
        let offset = products.left(index)
        vz_int_product_run(
          operands.exec, job, operands.rawInput(inputs.a) + offset,
          leftZeros + (aZeroCount == 1 || k == 0 ? 0 : offset / k),
          (right + products.right(index) * packedByteCount).assumingMemoryBound(to: Int16.self), sums + index * m * n)
      }
    }
  }

  /// `count` zero points, those of the input over and over.
  private func fill(
    _ target: UnsafeMutablePointer<Int16>, count: Int, from input: Int?, of inputCount: Int, _ type: DataType,
    _ operands: Operands
  ) {
    for index in 0..<count {
      target[index] = input.map {
        Int16(truncatingIfNeeded: ElementAccess.integer(operands.rawInput($0), index % inputCount, type))
      } ?? 0
    }
  }
}

extension InferenceContext {
  /// The extents of the product of inputs `a` and `b` as `MatMul` defines it; nil when a rank is unknown.
  func productDims(_ a: Int, _ b: Int) throws(OperatorError) -> [Dimension]? {
    guard let left = try dims(a, rank: 1...16), let right = try dims(b, rank: 1...16) else { return nil }
    func mismatch() -> OperatorError {
      invalid("\(TensorType(nil, left).extents) does not multiply \(TensorType(nil, right).extents)")
    }
    if let k = left[left.count - 1].value, let other = right[max(right.count - 2, 0)].value, k != other {
      throw mismatch()
    }
    guard
      var dims = try Broadcasting.dims([Array(left.dropLast(2)), Array(right.dropLast(2))], self)
    else { return nil }
    if left.count > 1 { dims.append(left[left.count - 2]) }
    if right.count > 1 { dims.append(right[right.count - 1]) }
    return dims
  }
}
