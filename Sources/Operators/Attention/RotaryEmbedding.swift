import GraphIR
import Tensors

/// ONNX `RotaryEmbedding`: pairs of elements of every head turned by angles that depend on the position.
///
/// Cosines and sines are tables by position (with input 3, the positions) or given for every token.
public struct RotaryEmbedding: Operator {
  public static let signatures = [Signature("RotaryEmbedding", versions: 23...Signature.newestOpset)]

  private let heads: Int
  /// Elements of a head that turn; 0 for all.
  private let rotated: Int
  /// Whether the two of a pair are neighbours, rather than half the turning elements apart.
  private let isInterleaved: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(3...4)
    heads = try node.int("num_heads", default: 0)
    rotated = try node.int("rotary_embedding_dim", default: 0)
    isInterleaved = try node.bool("interleaved", default: false)
    guard heads >= 0, rotated >= 0, rotated % 2 == 0 else {
      throw node.invalid("“num_heads” (\(heads)) and “rotary_embedding_dim” (\(rotated)) must be positive, the latter even")
    }
  }

  /// Batch, heads, tokens and elements of a head.
  private func extents(
    _ dims: [Dimension], _ context: some Diagnosing
  ) throws(OperatorError) -> (batch: Dimension, heads: Dimension, tokens: Dimension, size: Dimension) {
    if dims.count == 4 { return (dims[0], dims[1], dims[2], dims[3]) }
    guard heads > 0 else { throw context.invalid("a 3-D input needs the attribute “num_heads”") }
    guard let hidden = dims[2].value else { return (dims[0], .fixed(heads), dims[1], .unknown) }
    guard hidden % heads == 0 else { throw context.invalid("\(hidden) elements cannot be divided among \(heads) heads") }
    return (dims[0], .fixed(heads), dims[1], .fixed(hidden / heads))
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.elementType(0, in: DataType.floats)
    try context.expectSameElementType(0, 1, 2)
    guard let dims = try context.dims(0, rank: 3...4) else { return [.tensor(TensorType(type, nil as [Dimension]?))] }
    let x = try extents(dims, context)
    if let size = x.size.value {
      guard rotated <= size, (rotated == 0 ? size : rotated) % 2 == 0 else {
        throw context.invalid("\(rotated == 0 ? size : rotated) elements of a head of \(size) cannot turn in pairs")
      }
    }
    let half = rotated > 0 ? Dimension.fixed(rotated / 2) : x.size.value.map { .fixed($0 / 2) } ?? .unknown
    let wanted = context.has(3) ? [.unknown, half] : [x.batch, x.tokens, half]
    for index in 1...2 { try check(index, wanted, context) }
    if let a = try context.shape(1), let b = try context.shape(2), a != b {
      throw context.invalid("the tables of cosines \(a) and of sines \(b) differ")
    }
    if context.has(3) {
      _ = try context.elementType(3, in: [.int64])
      try check(3, [x.batch, x.tokens], context)
    }
    return [try context.outputType(type, dims)]
  }

  private func check(_ index: Int, _ wanted: [Dimension], _ context: InferenceContext) throws(OperatorError) {
    guard let dims = try context.dims(index, rank: wanted.count...wanted.count) else { return }
    guard zip(dims, wanted).allSatisfy({ $0.mayEqual($1) }) else {
      throw context.invalid(
        "input \(index) has shape \(TensorType(nil, dims).extents) instead of \(TensorType(nil, wanted).extents)")
    }
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let input = try context.input(0)
    let x = try extents(input.shape.dims.map { .fixed($0) }, context)
    let (heads, tokens, size) = (x.heads.value!, x.tokens.value!, x.size.value!)
    let (type, isPacked, count) = (input.dataType, input.shape.rank == 3, input.count)
    if count == 0 { return Kernel { _ in } }
    let turning = rotated > 0 ? rotated : size
    let (half, isInterleaved, hasPositions) = (turning / 2, isInterleaved, context.has(3))
    let rows = hasPositions ? try context.input(1).shape[0] : 0
    let reader = IndexReader(type: .int64, extent: rows, input: 3, context)
    let batch = x.batch.value!
    return .tasks(
      batch * tokens, threads: context.target.threads, inPlaceInputs: [0],
      check: { operands throws(OperatorError) in
        guard hasPositions else { return }
        for k in 0..<(batch * tokens) { _ = try reader.index(operands.rawInput(3), k) }
      }
    ) { operands, task, _ in
      let (b, token) = task.quotientAndRemainder(dividingBy: tokens)
      var row = task
      if hasPositions {
        let position = Int(operands.input(3, as: Int64.self)[task])
        row = position < 0 ? position + rows : position
      }
      let (source, target) = (operands.rawInput(0), operands.rawOutput(0))
      let (cosines, sines) = (operands.rawInput(1), operands.rawInput(2))
      for head in 0..<heads {
        let first = isPacked ? (task * heads + head) * size : ((b * heads + head) * tokens + token) * size
        for k in 0..<half {
          let a = first + (isInterleaved ? 2 * k : k), c = isInterleaved ? a + 1 : a + half
          let (x, y) = (ElementAccess.double(source, a, type), ElementAccess.double(source, c, type))
          let cosine = ElementAccess.double(cosines, row * half + k, type)
          let sine = ElementAccess.double(sines, row * half + k, type)
          ElementAccess.store(cosine * x - sine * y, target, a, type)
          ElementAccess.store(sine * x + cosine * y, target, c, type)
        }
        if source != UnsafeRawPointer(target) {
          for k in turning..<size {
            ElementAccess.store(ElementAccess.double(source, first + k, type), target, first + k, type)
          }
        }
      }
    }
  }
}
