import CKernels
import GraphIR
import Tensors

/// ONNX `Gemm`: `alpha · A · B + beta · C` of matrices, either of which may be transposed.
public struct Gemm: ActivationFusing, BiasFusing {
  public static let signatures = [Signature("Gemm")]

  let alpha: Float
  let beta: Float
  let transposesA: Bool
  let transposesB: Bool
  private(set) var addedBias: [Float]?
  private(set) var epilogue = FusedEpilogue()

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(node.version < 11 ? 3...3 : 2...3)
    alpha = try node.float("alpha", default: 1)
    beta = try node.float("beta", default: 1)
    transposesA = try node.bool("transA", default: false)
    transposesB = try node.bool("transB", default: false)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.elementType(0, in: DataType.floats.union([.int32, .int64, .uint32, .uint64]))
    try context.expectSameElementType(0, 1, 2)
    let a = try context.dims(0, rank: 2...2), b = try context.dims(1, rank: 2...2)
    if let k = a?[transposesA ? 0 : 1].value, let other = b?[transposesB ? 1 : 0].value, k != other {
      throw context.invalid(
        "A of shape \(TensorType(nil, a).extents)\(transposesA ? " transposed" : "") does not multiply B of shape "
          + "\(TensorType(nil, b).extents)\(transposesB ? " transposed" : "")")
    }
    let result = [a?[transposesA ? 1 : 0] ?? .unknown, b?[transposesB ? 0 : 1] ?? .unknown]
    if context.has(2), let c = try context.tensor(2).dims {
      let fits = zip(c.reversed(), result.reversed()).allSatisfy { $0.value == 1 || $0.mayEqual($1) }
      guard c.count <= 2, fits else {
        throw context.invalid(
          "C of shape \(TensorType(nil, c).extents) does not broadcast to \(TensorType(nil, result).extents)")
      }
    }
    return [try context.outputType(type, result)]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Widening.kernel(self, context) { return kernel }
    let a = try context.input(0), y = try context.output(0)
    let m = y.shape[0], n = y.shape[1], k = a.shape[transposesA ? 0 : 1]
    switch a.dataType {
    case .float32: return try floatKernel(context, m: m, n: n, k: k)
    case .float64: return try genericKernel(context, m: m, n: n, k: k, Double(alpha), Double(beta)) { $0 * $1 + $2 }
    case .int32: return try integerKernel(context, m: m, n: n, k: k, Int32.self)
    case .int64: return try integerKernel(context, m: m, n: n, k: k, Int64.self)
    case .uint32: return try integerKernel(context, m: m, n: n, k: k, UInt32.self)
    case .uint64: return try integerKernel(context, m: m, n: n, k: k, UInt64.self)
    case let other: throw context.unsupported("Gemm of \(other) is not implemented")
    }
  }

  private func floatKernel(_ context: KernelContext, m: Int, n: Int, k: Int) throws(OperatorError) -> Kernel {
    guard m * n > 0 else { return Kernel { _ in } }
    var plan = ScratchPlan()
    _ = plan.reserve(vz_gemm_scratch_bytes(m, n, k, UInt32(context.target.threads)))
    let b = try PackedMatrix(context, input: 1, k: k, n: n, count: 1, isTransposed: transposesB, factor: alpha)
    // alpha goes into a constant B, otherwise into a copy of A.
    let factor = b.constant == nil ? alpha : 1
    let copiesA = transposesA || factor != 1
    let copyOfA = plan.reserve(floats: copiesA ? m * k : 0)
    let packed = plan.reserve(b.scratchByteCount)
    let summand = try Summand(context, m: m, n: n, beta: beta, addedBias: addedBias, &plan)
    let (act, slopes) = try epilogue.action(channels: n, context)
    let action = Captured(act)
    let transposesA = self.transposesA
    var unread = summand.unread
    if b.constant != nil { unread.insert(1) }
    return Kernel(
      scratchByteCount: plan.byteCount, retained: [b.constant, slopes, summand.buffer].compactMap { $0 },
      unreadInputs: unread
    ) { operands in
      let exec = operands.exec, memory = exec.pointee.scratch
      var source = operands.input(0, as: Float.self)
      if copiesA, let memory {
        let copy = (memory + copyOfA).assumingMemoryBound(to: Float.self)
        if transposesA {
          vz_copy_strided(exec, 4, 2, [m, k], source, [1, m], copy, [k, 1])
          if factor != 1 { for index in 0..<(m * k) { copy[index] *= factor } }
        } else {
          for index in 0..<(m * k) { copy[index] = source[index] * factor }
        }
        source = UnsafePointer(copy)
      }
      var ending = vz_epilogue()
      ending.act = action.value
      summand.apply(to: &ending, operands, memory)
      let matrix = b.matrix(0, of: b.constant == nil ? operands.input(1) : nil, memory.map { $0 + packed })
      vz_gemm_f32(exec, m, n, k, source, k, matrix, &ending, operands.output(0), n)
    }
  }

  private func integerKernel<Element: FixedWidthInteger & Sendable>(
    _ context: KernelContext, m: Int, n: Int, k: Int, _: Element.Type
  ) throws(OperatorError) -> Kernel {
    guard let alpha = Element(exactly: alpha), let beta = Element(exactly: beta) else {
      throw context.unsupported("Gemm of integers with fractional alpha or beta is not implemented")
    }
    return try genericKernel(context, m: m, n: n, k: k, alpha, beta) { $0 &* $1 &+ $2 }
  }

  private func genericKernel<Element: Numeric & Sendable>(
    _ context: KernelContext, m: Int, n: Int, k: Int, _ alpha: Element, _ beta: Element,
    _ multiplyAdd: @escaping @Sendable (Element, Element, Element) -> Element
  ) throws(OperatorError) -> Kernel {
    guard epilogue == FusedEpilogue(), addedBias == nil else {
      throw context.unsupported("fusing into a Gemm of \(try context.input(0).dataType) is not implemented")
    }
    let (ai, ap) = transposesA ? (1, m) : (k, 1)
    let (bp, bj) = transposesB ? (1, k) : (n, 1)
    let c = try context.has(2) ? Summand.strides(context, m: m, n: n) : nil
    return Kernel { operands in
      let a = operands.input(0, as: Element.self), b = operands.input(1, as: Element.self)
      let y = operands.output(0, as: Element.self)
      for i in 0..<m {
        for j in 0..<n {
          var sum: Element = 0
          for p in 0..<k { sum = multiplyAdd(a[i * ai + p * ap], b[p * bp + j * bj], sum) }
          let start = c.map { multiplyAdd(beta, operands.input(2, as: Element.self)[i * $0.row + j * $0.column], 0) }
          y[i * n + j] = multiplyAdd(alpha, sum, start ?? 0)
        }
      }
    }
  }

  public func fusing(_ activation: Activation) -> Gemm? {
    guard let fused = epilogue.fusing(activation) else { return nil }
    var gemm = self
    gemm.epilogue = fused
    return gemm
  }

  public func fusing(bias: [Float]) -> Gemm? {
    guard epilogue.activation == nil else { return nil }
    var gemm = self
    gemm.addedBias = added(addedBias, bias)
    return gemm.addedBias == nil ? nil : gemm
  }
}

/// The sum of two biases; nil when their lengths differ.
func added(_ own: [Float]?, _ bias: [Float]) -> [Float]? {
  guard let own else { return bias }
  return own.count == bias.count ? zip(own, bias).map { $0 + $1 } : nil
}

/// What a product adds: `beta · C` and a fused bias.
private struct Summand: @unchecked Sendable {
  private enum Source: Sendable {
    case none
    /// A row for every row of the product, worked out at preparation.
    case prepared
    /// The operand itself: one row, or all rows.
    case row
    case rows
    /// Copied to scratch memory with its repetitions.
    case copied(scratch: Int, rows: Int, rowStride: Int, columnStride: Int)
  }
  private var source = Source.none
  private let n: Int
  private let beta: Float
  /// The prepared row, or the fused bias that goes with any other source.
  let buffer: TensorBuffer?
  private(set) var unread: Set<Int> = []

  /// The strides of C along rows and columns of the product.
  static func strides(_ context: KernelContext, m: Int, n: Int) throws(OperatorError) -> (row: Int, column: Int) {
    let shape = try context.input(2).shape
    let rows = shape.rank == 2 ? shape[0] : 1, columns = shape.rank == 0 ? 1 : shape[shape.rank - 1]
    guard shape.rank <= 2, rows == 1 || rows == m, columns == 1 || columns == n else {
      throw context.invalid("C of shape \(shape) does not broadcast to [\(m),\(n)]")
    }
    return (rows == 1 ? 0 : columns, columns == 1 ? 0 : 1)
  }

  init(
    _ context: KernelContext, m: Int, n: Int, beta: Float, addedBias: [Float]?, _ plan: inout ScratchPlan
  ) throws(OperatorError) {
    (self.n, self.beta) = (n, beta)
    guard addedBias == nil || addedBias?.count == n || addedBias?.count == 1 else {
      throw context.invalid("a fused bias of \(addedBias?.count ?? 0) elements does not fit \(n) columns")
    }
    func row(_ value: (Int) -> Float) -> TensorBuffer {
      let buffer = TensorBuffer(byteCount: n * 4)
      let values = buffer.base.assumingMemoryBound(to: Float.self)
      for j in 0..<n { values[j] = value(j) + (addedBias.map { $0.count == 1 ? $0[0] : $0[j] } ?? 0) }
      return buffer
    }
    guard context.has(2), beta != 0 else {
      buffer = addedBias == nil ? nil : row { _ in 0 }
      if buffer != nil { source = .prepared }
      if context.has(2) { unread = [2] }
      return
    }
    try context.expectFloat32(0, 1, 2)
    let strides = try Self.strides(context, m: m, n: n)
    if let constant = context.constant(2), strides.row == 0 {
      let values = constant.elements(as: Float.self)
      buffer = row { beta * values[$0 * strides.column] }
      source = .prepared
      unread = [2]
      return
    }
    buffer = addedBias == nil ? nil : row { _ in 0 }
    if beta == 1, strides.column == 1 || n == 1, strides.row == 0 ? addedBias == nil : strides.row == n {
      source = strides.row == 0 ? .row : .rows
    } else {
      let rows = strides.row == 0 && addedBias == nil ? 1 : m
      source = .copied(
        scratch: plan.reserve(floats: rows * n), rows: rows, rowStride: strides.row, columnStride: strides.column)
    }
  }

  func apply(to ending: inout vz_epilogue, _ operands: Operands, _ scratch: UnsafeMutableRawPointer?) {
    ending.bias = buffer.map { UnsafePointer($0.base.assumingMemoryBound(to: Float.self)) }
    ending.residual_ld = n
    switch source {
    case .none, .prepared: break
    case .row: ending.bias = operands.input(2)
    case .rows: ending.residual = operands.input(2)
    case .copied(let offset, let rows, let rowStride, let columnStride):
      guard let scratch else { return }
      let target = (scratch + offset).assumingMemoryBound(to: Float.self)
      let c = operands.input(2, as: Float.self)
      for i in 0..<rows { for j in 0..<n { target[i * n + j] = beta * c[i * rowStride + j * columnStride] } }
      let isRow = rows == 1 && buffer == nil
      if isRow { ending.bias = UnsafePointer(target) } else { ending.residual = UnsafePointer(target) }
    }
  }
}
