import GraphIR
import Tensors

/// ONNX `TensorScatter`: a cache with new entries written from an index on along its sequence axis, which each sample of
/// the batch has for itself.
public struct TensorScatter: Operator {
  public static let signatures = [Signature("TensorScatter", versions: 24...Signature.newestOpset)]

  private let axis: Int
  private let isCircular: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(2...3)
    axis = try node.int("axis", default: -2)
    switch try node.string("mode", default: "linear") {
    case "linear": isCircular = false
    case "circular": isCircular = true
    case let other: throw node.invalid("the mode “\(other)” does not exist")
    }
  }

  private func axis(rank: Int, _ context: some Diagnosing) throws(OperatorError) -> Int {
    let resolved = try context.axis(axis, rank: rank)
    guard resolved > 0 else { throw context.invalid("axis \(axis) is the axis of the batch") }
    return resolved
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let (cache, update) = (try context.tensor(0), try context.tensor(1))
    try context.expectSameElementType(0, 1)
    if context.has(2) {
      _ = try context.elementType(2, in: [.int64])
      try context.expectVector(2, count: cache.dims?.first)
    }
    guard let dims = cache.dims, let own = update.dims else { return [.tensor(cache)] }
    guard dims.count == own.count else {
      throw context.invalid("the update has rank \(own.count), the cache \(dims.count)")
    }
    let axis = try axis(rank: dims.count, context)
    for other in dims.indices {
      guard let a = dims[other].value, let b = own[other].value else { continue }
      guard other == axis ? b <= a : b == a else {
        throw context.invalid(
          "an update of shape \(update.extents) does not fit a cache of shape \(cache.extents) along axis \(axis)")
      }
    }
    return [.tensor(cache)]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let (cache, update) = (try context.input(0), try context.input(1))
    let width = try context.movableByteCount(cache.dataType)
    let axis = try axis(rank: cache.shape.rank, context)
    let (longest, length) = (cache.shape[axis], update.shape[axis])
    let rowByteCount = cache.shape.count((axis + 1)..<cache.shape.rank) * width
    let blocks = cache.shape.count(1..<axis), batch = cache.shape[0]
    let (byteCount, isCircular, hasIndices) = (cache.byteCount, isCircular, context.has(2))
    let label = context.node.label
    return Kernel(inPlaceInputs: [0]) { operands throws(OperatorError) in
      let (target, source) = (operands.rawOutput(0), operands.rawInput(1))
      if UnsafeRawPointer(target) != operands.rawInput(0) {
        target.copyMemory(from: operands.rawInput(0), byteCount: byteCount)
      }
      guard longest > 0 else { return }
      for b in 0..<batch {
        var start = hasIndices ? Int(operands.input(2, as: Int64.self)[b]) : 0
        guard start >= 0, isCircular || start <= longest - length else {
          throw OperatorError(
            .invalid, node: label, "\(length) entries from index \(start) on do not fit a cache of \(longest)")
        }
        start %= longest
        for block in b * blocks..<(b + 1) * blocks {
          for row in 0..<length {
            (target + (block * longest + (start + row) % longest) * rowByteCount).copyMemory(
              from: source + (block * length + row) * rowByteCount, byteCount: rowByteCount)
          }
        }
      }
    }
  }
}
