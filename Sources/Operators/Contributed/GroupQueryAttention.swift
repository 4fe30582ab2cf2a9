import GraphIR
import Tensors

/// `com.microsoft` `GroupQueryAttention`: causal attention in which groups of query heads share a key head, with a past
/// that grows.
///
/// Inputs: query, key and value (or all three in the query), past keys and values, last position of each sequence, the
/// number of keys, tables of cosines and sines, positions. Sequences of one batch must be of one length.
struct GroupQueryAttention: CompositeOperator {
  static let signatures = [Signature("GroupQueryAttention", domain: Contributed.domain)]

  private let heads: Int
  private let keyHeads: Int
  private let scale: Float?
  private let softcap: Float
  private let rotates: Bool
  private let isInterleaved: Int

  init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(7...12)
    heads = try node.int("num_heads", default: 0)
    keyHeads = try node.int("kv_num_heads", default: 0)
    guard heads > 0, keyHeads > 0, heads.isMultiple(of: keyHeads) else {
      throw node.invalid("\(heads) query heads do not share \(keyHeads) key heads")
    }
    scale = try node.float("scale")
    softcap = try node.float("softcap", default: 0)
    rotates = try node.bool("do_rotary", default: false)
    isInterleaved = try node.int("rotary_interleaved", default: 0)
    guard try node.int("local_window_size", default: -1) == -1, try !node.bool("smooth_softmax", default: false) else {
      throw node.unsupported("windows and smoothing are not implemented")
    }
  }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    for index in 10..<12 where expansion.has(index) {
      throw expansion.unsupported("input \(index) is not implemented")
    }
    var query = try expansion.input(0), key: ValueID, value: ValueID
    if expansion.has(1) {
      (key, value) = (try expansion.input(1), try expansion.input(2))
    } else {
      guard let hidden = expansion.dims(0)?.last?.value, hidden.isMultiple(of: heads + 2 * keyHeads) else {
        throw expansion.unsupported("the size of a head does not follow from the shapes")
      }
      let size = hidden / (heads + 2 * keyHeads)
      let sizes = expansion.constant(ints: [heads * size, keyHeads * size, keyHeads * size])
      let parts = expansion.apply("Split", [query, sizes], ["axis": .int(-1)], outputs: 3)
      (query, key, value) = (parts[0], parts[1], parts[2])
    }
    if rotates {
      var positions = expansion.optional(9)
      if positions == nil {
        // The last position, less the rows that are new, is that of the row before the first.
        let length = expansion.apply("Shape", [query], ["start": .int(1), "end": .int(2)])
        let last = expansion.reshape(expansion.cast(try expansion.input(5), to: .int64), [-1, 1])
        let one = expansion.constant(ints: [1])
        let first = expansion.add(expansion.apply("Sub", [last, length]), one)
        positions = expansion.positions(of: query, axis: 1, from: first)
      }
      let cosines = try expansion.input(7), sines = try expansion.input(8)
      func rotated(_ x: ValueID, _ heads: Int) -> ValueID {
        expansion.apply(
          "RotaryEmbedding", [x, cosines, sines, positions],
          ["num_heads": .int(heads), "interleaved": .int(isInterleaved)])
      }
      (query, key) = (rotated(query, heads), rotated(key, keyHeads))
    }
    var call = AttentionCall(query: query, key: key, value: value, heads: heads)
    (call.keyHeads, call.isCausal, call.scale, call.softcap) = (keyHeads, true, scale, softcap)
    (call.pastKey, call.pastValue) = (expansion.optional(3), expansion.optional(4))
    return call.apply(&expansion, wantsPresent: true)
  }
}
