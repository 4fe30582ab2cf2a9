import CKernels
import GraphIR
import Tensors

/// ONNX `MatMul`: products of the matrices in the last two axes, the axes before them broadcast.
public struct MatMul: ActivationFusing, BiasFusing, ResidualFusing {
  public static let signatures = [Signature("MatMul")]

  private(set) var bias: [Float]?
  private(set) var epilogue = FusedEpilogue()

  public init(_ node: NodeReader) throws(OperatorError) { try node.expectInputs(2...2) }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.elementType(0, in: DataType.floats.union([.int32, .int64, .uint32, .uint64]))
    try context.expectSameElementType(0, 1)
    guard let a = try context.dims(0, rank: 1...16), let b = try context.dims(1, rank: 1...16) else {
      return [.tensor(TensorType(type, nil as [Dimension]?))]
    }
    func mismatch() -> OperatorError {
      context.invalid("\(TensorType(nil, a).extents) does not multiply \(TensorType(nil, b).extents)")
    }
    let inner = (a[a.count - 1], b[max(b.count - 2, 0)])
    if let k = inner.0.value, let other = inner.1.value, k != other { throw mismatch() }
    var dims: [Dimension] = []
    let batches = (Array(a.dropLast(2)), Array(b.dropLast(2)))
    let rank = max(batches.0.count, batches.1.count)
    for axis in 0..<rank {
      let x = axis - (rank - batches.0.count), y = axis - (rank - batches.1.count)
      guard let extent = Self.broadcast(x < 0 ? 1 : batches.0[x], y < 0 ? 1 : batches.1[y]) else { throw mismatch() }
      dims.append(extent)
    }
    if a.count > 1 { dims.append(a[a.count - 2]) }
    if b.count > 1 { dims.append(b[b.count - 1]) }
    return [try context.outputType(type, dims)]
  }

  private static func broadcast(_ a: Dimension, _ b: Dimension) -> Dimension? {
    if a == b || b == 1 { return a }
    if a == 1 { return b }
    switch (a.value, b.value) {
    case (.some, .some): return nil
    case (.some, nil): return a
    case (nil, .some): return b
    case (nil, nil): return .unknown
    }
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Widening.kernel(self, context) { return kernel }
    guard try context.output(0).count > 0 else { return Kernel { _ in } }
    let products = try MatrixProducts(context.input(0).shape, context.input(1).shape, context)
    switch try context.input(0).dataType {
    case .float32: return try floatKernel(context, products)
    case .float64: return try genericKernel(context, products) { (a: Double, b, sum) in a * b + sum }
    case .int32: return try genericKernel(context, products) { (a: Int32, b, sum) in a &* b &+ sum }
    case .int64: return try genericKernel(context, products) { (a: Int64, b, sum) in a &* b &+ sum }
    case .uint32: return try genericKernel(context, products) { (a: UInt32, b, sum) in a &* b &+ sum }
    case .uint64: return try genericKernel(context, products) { (a: UInt64, b, sum) in a &* b &+ sum }
    case let other: throw context.unsupported("MatMul of \(other) is not implemented")
    }
  }

  /// Products below this many multiplications are cheaper than packing one of their matrices.
  private static let smallestPacked = 256

  private func floatKernel(_ context: KernelContext, _ products: MatrixProducts) throws(OperatorError) -> Kernel {
    let (m, n, k) = (products.m, products.n, products.k)
    let isPlain = bias == nil && epilogue == FusedEpilogue()
    if m * n * k < Self.smallestPacked, products.count > 1, isPlain {
      return try genericKernel(context, products) { (a: Float, b, sum) in a * b + sum }
    }
    if m == 1, isPlain, context.constant(1) == nil { return rowKernel(products) }
    let threads = context.target.threads
    let b = try PackedMatrix(context, input: 1, k: k, n: n, count: products.rightCount)
    let sharesProducts = products.count > 1 && products.count >= threads && threads > 1
    let workers = sharesProducts ? threads : 1
    let own = vz_gemm_scratch_bytes(m, n, k, UInt32(sharesProducts ? 1 : threads))
    var plan = ScratchPlan()
    _ = plan.reserve(own)
    let packed = plan.reserve(b.scratchByteCount)
    let perWorker = plan.byteCount

    let channels = products.dropsColumns ? 1 : n
    var retained = [products.offsets, b.constant].compactMap { $0 }
    var biasValues: UnsafePointer<Float>?
    if let bias {
      guard bias.count == 1 || bias.count == channels else {
        throw context.invalid("a fused bias of \(bias.count) elements does not fit \(channels) columns")
      }
      let buffer = TensorBuffer(byteCount: n * 4)
      let values = buffer.base.assumingMemoryBound(to: Float.self)
      for j in 0..<n { values[j] = bias.count == 1 ? bias[0] : bias[j] }
      retained.append(buffer)
      biasValues = UnsafePointer(values)
    }
    let (act, slopes) = try epilogue.action(channels: n, context)
    if let slopes { retained.append(slopes) }
    var ending = vz_epilogue()
    ending.bias = biasValues
    ending.act = act
    ending.residual_ld = n
    ending.residual_after = epilogue.residual == .afterActivation
    if epilogue.hasResidual, try context.input(2).shape != context.output(0).shape {
      throw context.invalid(
        "the residual has shape \(try context.input(2).shape), the output \(try context.output(0).shape)")
    }
    let job = ProductJob(
      products: products, b: b, ending: ending, residualInput: epilogue.hasResidual ? 2 : nil, packedOffset: packed,
      scratchPerWorker: perWorker, ownScratch: own)
    return Kernel(
      scratchByteCount: perWorker * workers, retained: retained, unreadInputs: b.constant == nil ? [] : [1]
    ) { operands in
      if sharesProducts { job.runShared(operands) } else { job.runInOrder(operands) }
    }
  }

  /// Single rows times matrices that change from run to run: nothing is worth packing.
  private func rowKernel(_ products: MatrixProducts) -> Kernel {
    let (n, k) = (products.n, products.k)
    return Kernel(retained: [products.offsets]) { operands in
      let a: UnsafePointer<Float> = operands.input(0), b: UnsafePointer<Float> = operands.input(1)
      let y: UnsafeMutablePointer<Float> = operands.output(0)
      for index in 0..<products.count {
        vz_vecmat_f32(
          operands.exec, n, k, a + products.left(index), b + products.right(index) * (k * n), n, y + index * n)
      }
    }
  }

  private func genericKernel<Element: Numeric & Sendable>(
    _ context: KernelContext, _ products: MatrixProducts,
    _ multiplyAdd: @escaping @Sendable (Element, Element, Element) -> Element
  ) throws(OperatorError) -> Kernel {
    guard epilogue == FusedEpilogue(), bias == nil else {
      throw context.unsupported("fusing into a MatMul of \(try context.input(0).dataType) is not implemented")
    }
    let (m, n, k) = (products.m, products.n, products.k)
    return Kernel(retained: [products.offsets]) { operands in
      let a = operands.input(0, as: Element.self), b = operands.input(1, as: Element.self)
      let y = operands.output(0, as: Element.self)
      for index in 0..<products.count {
        let left = a + products.left(index), right = b + products.right(index) * (k * n), target = y + index * m * n
        for i in 0..<m {
          for j in 0..<n {
            var sum: Element = 0
            for p in 0..<k { sum = multiplyAdd(left[i * k + p], right[p * n + j], sum) }
            target[i * n + j] = sum
          }
        }
      }
    }
  }

  public func fusing(_ activation: Activation) -> MatMul? { with(epilogue.fusing(activation)) }
  public func fusingResidual() -> MatMul? { with(epilogue.fusingResidual()) }

  private func with(_ epilogue: FusedEpilogue?) -> MatMul? {
    guard let epilogue else { return nil }
    var fused = self
    fused.epilogue = epilogue
    return fused
  }

  public func fusing(bias: [Float]) -> MatMul? {
    guard epilogue == FusedEpilogue() else { return nil }
    var fused = self
    fused.bias = added(self.bias, bias)
    return fused.bias == nil ? nil : fused
  }
}

/// Which matrices a `MatMul` multiplies.
struct MatrixProducts: @unchecked Sendable {
  private(set) var m: Int
  let n: Int
  let k: Int
  /// How many products there are.
  private(set) var count: Int
  /// How many right-hand matrices there are.
  let rightCount: Int
  /// Whether the right-hand side is a vector, so that the output has no columns.
  let dropsColumns: Bool
  /// For every product: the offset of its left matrix in elements, then the index of its right one.
  let offsets: TensorBuffer

  init(_ a: Shape, _ b: Shape, _ context: KernelContext) throws(OperatorError) {
    let left = a.rank == 1 ? Shape([1, a[0]]) : a, right = b.rank == 1 ? Shape([b[0], 1]) : b
    dropsColumns = b.rank == 1
    (m, k, n) = (left[left.rank - 2], left[left.rank - 1], right[right.rank - 1])
    guard right[right.rank - 2] == k else { throw context.invalid("\(a) does not multiply \(b)") }
    let x = Shape(left.dims.dropLast(2)), y = Shape(right.dims.dropLast(2))
    guard let batch = x.broadcast(with: y) else { throw context.invalid("\(a) does not multiply \(b)") }
    rightCount = y.count
    count = batch.count
    if rightCount == 1, count > 0 {
      // One matrix on the right: all rows on the left are one product.
      m *= count
      count = 1
    }
    guard count <= 1 << 24 else { throw context.unsupported("\(count) products in one MatMul are not implemented") }
    offsets = TensorBuffer(byteCount: count * 16)
    let numbers = offsets.base.assumingMemoryBound(to: Int.self)
    guard count > 1 else { return }
    func steps(_ own: Shape) -> [Int] {
      let strides = own.rowMajorStrides, lead = batch.rank - own.rank
      return batch.dims.indices.map { $0 < lead || own[$0 - lead] == 1 ? 0 : strides[$0 - lead] }
    }
    let steps = (steps(x), steps(y)), strides = batch.rowMajorStrides
    for index in 0..<count {
      var offset = (0, 0)
      for axis in batch.dims.indices {
        let position = index / strides[axis] % batch[axis]
        offset.0 += position * steps.0[axis]
        offset.1 += position * steps.1[axis]
      }
      numbers[2 * index] = offset.0 * m * k
      numbers[2 * index + 1] = offset.1
    }
  }

  @inline(__always)
  func left(_ index: Int) -> Int { offsets.base.assumingMemoryBound(to: Int.self)[2 * index] }
  @inline(__always)
  func right(_ index: Int) -> Int { offsets.base.assumingMemoryBound(to: Int.self)[2 * index + 1] }
}

/// Float products, run in order with all threads on each, or shared out with one thread on each.
private struct ProductJob: @unchecked Sendable {
  let products: MatrixProducts
  let b: PackedMatrix
  let ending: vz_epilogue
  let residualInput: Int?
  let packedOffset: Int
  let scratchPerWorker: Int
  let ownScratch: Int

  /// One run: where the operands are.
  private struct Call {
    var job: ProductJob
    var a: UnsafePointer<Float>
    /// Nil when the right-hand side was packed at preparation.
    var b: UnsafePointer<Float>?
    var residual: UnsafePointer<Float>?
    var y: UnsafeMutablePointer<Float>
    var exec: vz_exec
  }

  private func call(_ operands: Operands) -> Call {
    Call(
      job: self, a: operands.input(0), b: b.constant == nil ? operands.input(1) : nil,
      residual: residualInput.map { operands.input($0) }, y: operands.output(0), exec: operands.exec.pointee)
  }

  private func multiply(_ index: Int, _ call: borrowing Call, _ exec: UnsafePointer<vz_exec>) {
    let (m, n, k) = (products.m, products.n, products.k)
    var ending = self.ending
    ending.residual = call.residual.map { $0 + index * m * n }
    let matrix = b.matrix(products.right(index), of: call.b, exec.pointee.scratch.map { $0 + packedOffset })
    vz_gemm_f32(
      exec, m, n, k, call.a + products.left(index), k, matrix, &ending, call.y + index * m * n, n)
  }

  func runInOrder(_ operands: Operands) {
    let call = call(operands)
    for index in 0..<products.count { multiply(index, call, operands.exec) }
  }

  func runShared(_ operands: Operands) {
    var call = call(operands)
    let pool = call.exec.pool
    withUnsafeMutablePointer(to: &call) { call in
      vz_pool_run(pool, products.count, 1, Self.task, call)
    }
  }

  private static let task: @Sendable @convention(c) (UnsafeMutableRawPointer?, Int, Int, UInt32) -> Void = {
    context, begin, end, worker in
    let call = context!.assumingMemoryBound(to: Call.self)
    var exec = call.pointee.exec
    exec.pool = nil
    exec.scratch = exec.scratch.map { $0 + Int(worker) * call.pointee.job.scratchPerWorker }
    exec.scratch_bytes = call.pointee.job.ownScratch
    for index in begin..<end { call.pointee.job.multiply(index, call.pointee, &exec) }
  }
}
