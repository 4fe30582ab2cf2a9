import GraphIR
import Tensors

/// `com.microsoft` `RotaryEmbedding`: ONNX's, with its inputs in another order. Positions [1] are the first one's.
struct ContributedRotaryEmbedding: CompositeOperator {
  static let signatures = [Signature("RotaryEmbedding", domain: Contributed.domain)]

  private let heads: Int
  private let rotated: Int
  private let isInterleaved: Int

  init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(4...4)
    heads = try node.int("num_heads", default: 0)
    rotated = try node.int("rotary_embedding_dim", default: 0)
    isInterleaved = try node.int("interleaved", default: 0)
  }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    let x = try expansion.input(0)
    let rank = try expansion.rank(0)
    var heads = heads
    if heads == 0, rank == 3 {
      guard let hidden = expansion.dims(0)?.last?.value, let half = expansion.dims(2)?.last?.value, half > 0 else {
        throw expansion.unsupported("the number of heads does not follow from the shapes")
      }
      heads = hidden / (2 * half)
    }
    var positions = try expansion.input(1)
    if try expansion.rank(1) == 1 {
      positions = expansion.positions(of: x, axis: rank == 4 ? 2 : 1, from: positions)
    }
    return [
      expansion.apply(
        "RotaryEmbedding", [x, try expansion.input(2), try expansion.input(3), positions],
        ["num_heads": .int(heads), "rotary_embedding_dim": .int(rotated), "interleaved": .int(isInterleaved)])
    ]
  }
}

extension Expansion {
  /// The positions [B, S] of the rows of `x`, whose batch is axis 0 and whose sequence is axis `axis`.
  ///
  /// - Parameter first: the position of the first row: [1] or [B, 1].
  mutating func positions(of x: ValueID, axis: Int, from first: ValueID) -> ValueID {
    let length = apply("Shape", [x], ["start": .int(axis), "end": .int(axis + 1)])
    let batch = apply("Shape", [x], ["start": .int(0), "end": .int(1)])
    let end = apply("Reshape", [length, constant(ints: [])])
    let steps = apply("Range", [constant(Tensor(scalar: Int64(0))), end, constant(Tensor(scalar: Int64(1)))])
    let shape = apply("Concat", [batch, length], ["axis": .int(0)])
    return apply("Expand", [add(cast(first, to: .int64), unsqueeze(steps, [0])), shape])
  }
}
