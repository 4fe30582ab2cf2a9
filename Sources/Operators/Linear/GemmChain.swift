import CKernels
import GraphIR
import Tensors

/// Several `Gemm` of constant matrices, one after the other, computed a block of rows at a time.
///
/// Made by the compiler; it has no form in ONNX. Inputs are the matrices whose columns make up A of the first, then B and
/// C (or nothing) of each.
public struct GemmChain: Operator {
  public static let domain = "viseme"
  public static let name = "GemmChain"
  public static let signatures = [Signature(name, domain: domain)]

  let gemms: [Gemm]
  /// The columns of A that each of the first inputs gives; nil where one input is all of A.
  let columns: [Range<Int>]?

  private var partCount: Int { columns?.count ?? 1 }

  /// Nil when one of them cannot be part of a chain. `constants` are those of each node's inputs.
  public init?(_ gemms: [(gemm: Gemm, constants: [Tensor?])], columns: [Range<Int>]? = nil) {
    self.columns = columns
    for (gemm, constants) in gemms {
      guard !gemm.transposesA, constants.count > 1, let b = constants[1], b.dataType == .float32, b.shape.rank == 2
      else { return nil }
      let n = b.shape[gemm.transposesB ? 0 : 1]
      guard constants.count < 3 || constants[2].map({ $0.dataType == .float32 && $0.count == n }) ?? false else {
        return nil
      }
    }
    self.gemms = gemms.map(\.gemm)
  }

  public init(_ node: NodeReader) throws(OperatorError) {
    throw node.invalid("it is made by the compiler and cannot be read from a model")
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let a = try context.dims(0, rank: 2...2), b = try context.dims(partCount + 2 * gemms.count - 2, rank: 2...2)
    let columns = b?[gemms[gemms.count - 1].transposesB ? 0 : 1]
    return [try context.outputType(.float32, [a?[0] ?? .unknown, columns ?? .unknown])]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    for index in context.inputs.indices where context.has(index) { try context.expectFloat32(index) }
    let y = try context.output(0)
    let rows = y.shape[0], ldc = y.shape[1]
    guard y.count > 0 else { return Kernel { _ in } }
    let parts = try (0..<partCount).map { index throws(OperatorError) -> (offset: Int, columns: vz_gemm_columns) in
      let shape = try context.input(index).shape
      let range = columns?[index] ?? 0..<shape[1]
      guard shape.rank == 2, shape[0] == rows, range.upperBound <= shape[1] else {
        throw context.invalid("input \(index) of shape \(shape) does not give \(rows) rows of columns \(range)")
      }
      return (range.lowerBound, vz_gemm_columns(from: nil, ld: shape[1], count: range.count))
    }
    let stages = TensorBuffer(byteCount: gemms.count * MemoryLayout<vz_gemm_stage>.stride)
    let stage = stages.base.assumingMemoryBound(to: vz_gemm_stage.self)
    var retained = [stages]
    var k = parts.reduce(0) { $0 + $1.columns.count }
    for (index, gemm) in gemms.enumerated() {
      let place = partCount + 2 * index
      let shape = try context.input(place).shape
      let n = shape[gemm.transposesB ? 0 : 1]
      guard shape[gemm.transposesB ? 1 : 0] == k else {
        throw context.invalid("B of shape \(shape) does not multiply \(k) columns")
      }
      let b = try PackedMatrix(
        context, input: place, k: k, n: n, count: 1, isTransposed: gemm.transposesB, factor: gemm.alpha)
      guard let packed = b.constant else { throw context.invalid("input \(place) is not constant") }
      let (act, slopes) = try gemm.epilogue.action(channels: n, context)
      let bias = TensorBuffer(byteCount: n * 4)
      let values = bias.base.assumingMemoryBound(to: Float.self)
      let own = context.constant(place + 1)?.elements(as: Float.self)
      for j in 0..<n {
        let added = gemm.addedBias.map { $0.count == 1 ? $0[0] : $0[j] } ?? 0
        values[j] = (own.map { gemm.beta * $0[j] } ?? 0) + added
      }
      (stage + index).initialize(to: vz_gemm_stage(n: n, k: k, packed: packed.base, bias: values, act: act))
      retained += [packed, bias] + (slopes.map { [$0] } ?? [])
      k = n
    }
    let (places, count) = (Captured(UnsafePointer(stage)), gemms.count)
    let captured = Captured(parts)
    return Kernel(
      scratchByteCount: vz_gemm_chain_scratch_bytes(count, stage, UInt32(context.target.threads)), retained: retained,
      unreadInputs: Set(partCount..<context.inputs.count)
    ) { operands in
      withUnsafeTemporaryAllocation(of: vz_gemm_columns.self, capacity: captured.value.count) { a in
        for (index, part) in captured.value.enumerated() {
          var columns = part.columns
          columns.from = operands.input(index) + part.offset
          a.initializeElement(at: index, to: columns)
        }
        vz_gemm_chain_f32(
          operands.exec, rows, count, places.value, a.count, a.baseAddress, operands.output(0), ldc)
      }
    }
  }
}
