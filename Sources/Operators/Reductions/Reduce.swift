import CKernels
import GraphIR
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// ONNX `ReduceSum`, `ReduceMean`, `ReduceMax` and the other reductions over a set of axes.
///
/// The axes are an attribute at first, and an input since opset 13 (`ReduceSum`) or 18 (the others).
public struct Reduce: Operator {
  private struct Entry {
    var name: String
    var operation: vz_reduce_op
    /// The first version that reads the axes from input 1.
    var axesInputVersion = 18
  }

  private static let table: [Entry] = [
    Entry(name: "ReduceSum", operation: VZ_REDUCE_SUM, axesInputVersion: 13),
    Entry(name: "ReduceMean", operation: VZ_REDUCE_MEAN),
    Entry(name: "ReduceMin", operation: VZ_REDUCE_MIN),
    Entry(name: "ReduceMax", operation: VZ_REDUCE_MAX),
    Entry(name: "ReduceProd", operation: VZ_REDUCE_PROD),
    Entry(name: "ReduceL1", operation: VZ_REDUCE_L1),
    Entry(name: "ReduceL2", operation: VZ_REDUCE_L2),
    Entry(name: "ReduceSumSquare", operation: VZ_REDUCE_SUMSQUARE),
    Entry(name: "ReduceLogSum", operation: VZ_REDUCE_LOGSUM),
    Entry(name: "ReduceLogSumExp", operation: VZ_REDUCE_LOGSUMEXP),
  ]

  public static let signatures = table.map { Signature($0.name) }

  public let operation: vz_reduce_op
  private let attribute: [Int]?
  public let keepsDims: Bool
  private let keepsAllWithoutAxes: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    guard let entry = Self.table.first(where: { $0.name == node.node.operatorName }) else {
      throw node.unsupported("the operator is not implemented")
    }
    operation = entry.operation
    let readsInput = node.version >= entry.axesInputVersion
    try node.expectInputs(1...(readsInput ? 2 : 1))
    attribute = readsInput ? nil : try node.ints("axes")
    keepsDims = try node.bool("keepdims", default: true)
    keepsAllWithoutAxes = readsInput ? try node.bool("noop_with_empty_axes", default: false) : false
  }

  /// The axes to reduce, given those the node names, if any.
  private func axes(_ listed: [Int]?, rank: Int, _ context: some Diagnosing) throws(OperatorError) -> [Int] {
    guard let listed, !listed.isEmpty else { return keepsAllWithoutAxes ? [] : Array(0..<rank) }
    return try context.axes(listed, rank: rank)
  }

  /// The axes to reduce as far as constant inputs tell; nil when they are known only at run time.
  public func axes(rank: Int, constants: [Tensor?], _ context: KernelContext) throws(OperatorError) -> [Int]? {
    guard context.has(1) else { return try axes(attribute, rank: rank, context) }
    guard let listed = constants[1]?.integers else { return nil }
    return try axes(listed, rank: rank, context)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let input = try context.tensor(0)
    guard let dims = input.dims else { return [.tensor(TensorType(input.dataType, nil as [Dimension]?))] }
    let listed = context.has(1) ? try context.integers(1) : attribute
    if context.has(1), listed == nil {
      let unknown = keepsDims ? [Dimension](repeating: .unknown, count: dims.count) : nil
      return [.tensor(TensorType(input.dataType, unknown))]
    }
    let axes = Set(try axes(listed, rank: dims.count, context))
    let result: [Dimension] = dims.indices.compactMap { axis in
      axes.contains(axis) ? keepsDims ? 1 : nil : dims[axis]
    }
    return [.tensor(TensorType(input.dataType, result))]
  }

  public func layout(_ context: LayoutContext) -> LayoutPolicy {
    // With one channel left, or one position, both layouts are the same memory.
    guard let output = context.outputs[0]?.shape, keepsDims, (3...5).contains(output.rank) else { return .rowMajor }
    return output[1] == 1 || output.count(2..<output.rank) == 1 ? .any : .rowMajor
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let (input, output) = (try context.input(0), try context.output(0))
    let rank = input.shape.rank
    guard let axes = try axes(rank: rank, constants: context.inputs.map { $0?.constant }, context) else {
      throw context.unsupported("the axes are not known before the run")
    }
    let unread: Set<Int> = context.has(1) ? [1] : []
    if output.count == 0 { return Kernel(unreadInputs: unread) { _ in } }
    let kept = (0..<rank).filter { !axes.contains($0) }
    // Strides of the output along the kept axes.
    let outputStrides = kept.enumerated().map { output.strides[keepsDims ? $0.element : $0.offset] }
    let shape = input.shape
    let isDense = zip(kept, zip(outputStrides, Shape(kept.map { shape[$0] }).rowMajorStrides))
      .allSatisfy { axis, strides in shape[axis] == 1 || strides.0 == strides.1 }
    if input.dataType == .float32, isDense, let fast = denseKernel(input, axes, unread) { return fast }
    return try genericKernel(input, output, kept: kept, outputStrides: outputStrides, axes: axes, unread, context)
  }

  private func denseKernel(_ input: Operand, _ axes: [Int], _ unread: Set<Int>) -> Kernel? {
    // Axes of one element change nothing, reduced or not, as long as one is left.
    let shape = input.shape
    var used = (0..<shape.rank).filter { shape[$0] != 1 }
    if used.isEmpty { used = Array((0..<shape.rank).prefix(1)) }
    guard used.count <= VZ_REDUCE_MAX_RANK else { return nil }
    let mask = used.enumerated().reduce(UInt32(0)) { axes.contains($1.element) ? $0 | 1 << UInt32($1.offset) : $0 }
    let extents = used.map { shape[$0] }
    let strides = used.map { input.strides[$0] }
    let operation = operation
    return Kernel(unreadInputs: unread) { operands in
      vz_reduce_f32(
        operands.exec, operation, extents.count, extents, mask, operands.input(0), strides, operands.output(0))
    }
  }

  private func genericKernel(
    _ input: Operand, _ output: Operand, kept: [Int], outputStrides: [Int], axes: [Int], _ unread: Set<Int>,
    _ context: KernelContext
  ) throws(OperatorError) -> Kernel {
    let type = input.dataType
    guard ElementAccess.supports(type) else { throw context.unsupported("elements of type \(type) are not supported") }
    let strides = input.strides
    let outer = StridedSpace(
      shape: kept.map { input.shape[$0] }, strides: [kept.map { strides[$0] }, outputStrides])
    let inner = StridedSpace(shape: axes.map { input.shape[$0] }, strides: [axes.map { strides[$0] }])
    let operation = operation
    let isReal = type.isFloatingPoint || Self.isReal(operation)
    return Kernel(unreadInputs: unread) { operands in
      let (source, target) = (operands.rawInput(0), operands.rawOutput(0))
      outer.forEachOuterIndex(innerRank: 0) { offsets in
        let start = offsets[0]
        if isReal {
          let value = Self.reduceReal(operation, source, start, inner, type)
          ElementAccess.store(value, target, offsets[1], type)
        } else {
          let value = Self.reduceInteger(operation, source, start, inner, type)
          ElementAccess.store(value, target, offsets[1], type)
        }
      }
    }
  }

  /// Whether integers are reduced in floating point.
  private static func isReal(_ operation: vz_reduce_op) -> Bool {
    operation == VZ_REDUCE_L2 || operation == VZ_REDUCE_LOGSUM || operation == VZ_REDUCE_LOGSUMEXP
  }

  private static func reduceReal(
    _ operation: vz_reduce_op, _ source: UnsafeRawPointer, _ start: Int, _ space: StridedSpace, _ type: DataType
  ) -> Double {
    var count = 0.0
    func fold(_ initial: Double, _ combine: (Double, Double) -> Double) -> Double {
      var result = initial
      space.forEachOuterIndex(innerRank: 0) { offsets in
        result = combine(result, ElementAccess.double(source, start + offsets[0], type))
        count += 1
      }
      return result
    }
    switch operation {
    case VZ_REDUCE_SUM: return fold(0, +)
    case VZ_REDUCE_MEAN: return fold(0, +) / count
    case VZ_REDUCE_MIN: return fold(.infinity) { $0.isNaN || $0 < $1 ? $0 : $1 }
    case VZ_REDUCE_MAX: return fold(-.infinity) { $0.isNaN || $0 > $1 ? $0 : $1 }
    case VZ_REDUCE_PROD: return fold(1, *)
    case VZ_REDUCE_L1: return fold(0) { $0 + $1.magnitude }
    case VZ_REDUCE_L2: return fold(0) { $0 + $1 * $1 }.squareRoot()
    case VZ_REDUCE_SUMSQUARE: return fold(0) { $0 + $1 * $1 }
    case VZ_REDUCE_LOGSUM: return log(fold(0, +))
    default:
      let greatest = fold(-.infinity) { $0.isNaN || $0 > $1 ? $0 : $1 }
      guard greatest.isFinite else { return greatest }
      return log(fold(0) { $0 + exp($1 - greatest) }) + greatest
    }
  }

  private static func reduceInteger(
    _ operation: vz_reduce_op, _ source: UnsafeRawPointer, _ start: Int, _ space: StridedSpace, _ type: DataType
  ) -> Int64 {
    let isUnsigned = type == .uint64
    let bias: Int64 = isUnsigned ? .min : 0
    var count: Int64 = 0
    func fold(_ initial: Int64, _ combine: (Int64, Int64) -> Int64) -> Int64 {
      var result = initial
      space.forEachOuterIndex(innerRank: 0) { offsets in
        result = combine(result, ElementAccess.integer(source, start + offsets[0], type))
        count += 1
      }
      return result
    }
    switch operation {
    case VZ_REDUCE_SUM: return fold(0, &+)
    case VZ_REDUCE_MEAN:
      let sum = fold(0, &+)
      guard count > 0 else { return 0 }
      return isUnsigned ? Int64(bitPattern: UInt64(bitPattern: sum) / UInt64(count)) : sum / count
    case VZ_REDUCE_MIN: return fold(greatest(type)) { $0 ^ bias < $1 ^ bias ? $0 : $1 }
    case VZ_REDUCE_MAX: return fold(least(type)) { $0 ^ bias > $1 ^ bias ? $0 : $1 }
    case VZ_REDUCE_PROD: return fold(1, &*)
    case VZ_REDUCE_L1: return fold(0) { !isUnsigned && $1 < 0 ? $0 &- $1 : $0 &+ $1 }
    default: return fold(0) { $0 &+ $1 &* $1 }
    }
  }

  private static func isSigned(_ type: DataType) -> Bool {
    switch type {
    case .int8, .int16, .int32, .int64, .int4, .int2: true
    default: false
    }
  }

  private static func greatest(_ type: DataType) -> Int64 {
    if type == .bool { return 1 }
    let ones = UInt64.max >> UInt64(64 - type.bitWidth)
    return Int64(bitPattern: isSigned(type) ? ones >> 1 : ones)
  }

  private static func least(_ type: DataType) -> Int64 {
    isSigned(type) ? -1 - greatest(type) : 0
  }
}
