import GraphIR
import Tensors

/// `com.microsoft` `MultiHeadAttention`: attention over queries, keys and values that are projected already.
///
/// Inputs: query [B, S, hidden], key and value [B, T, hidden] or [B, heads, T, size], bias, a mask of the keys, a summand
/// for the scores, past keys and values. A query of five axes [B, S, heads, 3, size] holds all three, a key of five axes
/// [B, T, heads, 2, size] keys and values.
struct MultiHeadAttention: CompositeOperator {
  static let signatures = [Signature("MultiHeadAttention", domain: Contributed.domain)]

  private let heads: Int
  private let isCausal: Bool
  private let scale: Float?
  private let filter: Float

  init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...10)
    guard let heads = try node.int("num_heads"), heads > 0 else {
      throw node.invalid("the attribute “num_heads” is missing or not positive")
    }
    self.heads = heads
    isCausal = try node.bool("unidirectional", default: false)
    scale = try node.float("scale")
    filter = try node.float("mask_filter_value", default: -10000)
  }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    for index in 8..<10 where expansion.has(index) {
      throw expansion.unsupported("a cache that is written in place is not implemented")
    }
    var parts: [ValueID]
    if !expansion.has(1) {
      parts = unpacked(try expansion.input(0), count: 3, &expansion)
    } else if !expansion.has(2) {
      parts = unpacked(try expansion.input(1), count: 2, &expansion)
      parts.insert(try expansion.input(0), at: 0)
    } else {
      parts = [try expansion.input(0), try expansion.input(1), try expansion.input(2)]
    }
    let hasHeads = expansion.has(2) ? try expansion.rank(1) == 4 : false
    if let bias = expansion.optional(3) {
      let thirds = try biases(bias, &expansion)
      parts[0] = expansion.add(parts[0], thirds[0])
      if !hasHeads { for index in 1..<3 { parts[index] = expansion.add(parts[index], thirds[index]) } }
    }
    if hasHeads { parts[0] = split(parts[0], &expansion) }
    var call = AttentionCall(query: parts[0], key: parts[1], value: parts[2], heads: heads)
    (call.isCausal, call.scale) = (isCausal, scale)
    (call.pastKey, call.pastValue) = (expansion.optional(6), expansion.optional(7))
    if expansion.has(4) {
      let total = expansion.keyCount(call.key, past: call.pastKey, axis: hasHeads ? 2 : 1)
      call.mask = try expansion.additiveMask(4, keyCount: total, filter: filter)
    }
    if let summand = expansion.optional(5) { call.mask = call.mask.map { expansion.add($0, summand) } ?? summand }
    let results = call.apply(&expansion, wantsPresent: expansion.wants(1) || expansion.wants(2))
    guard hasHeads else { return results }
    let rows = expansion.transpose(results[0], [0, 2, 1, 3])
    return [expansion.reshape(rows, [0, 0, -1]), results.count > 1 ? results[1] : nil, results.count > 1 ? results[2] : nil]
  }

  /// The bias's parts; their sizes follow from those of the operands where they are known, else all are equal.
  private func biases(_ bias: ValueID, _ expansion: inout Expansion) throws(OperatorError) -> [ValueID] {
    let q = expansion.dims(0)?.last?.value, v = expansion.has(2) ? expansion.dims(2)?.last?.value : nil
    if let q, let v, expansion.has(2), expansion.dims(2)?.count == 3, q != v {
      let sizes = expansion.constant(ints: [q, q, v])
      return expansion.apply("Split", [bias, sizes], ["axis": .int(0)], outputs: 3)
    }
    return expansion.apply("Split", [bias], ["axis": .int(0), "num_outputs": .int(3)], outputs: 3)
  }

  /// [B, S, heads, count, size] as `count` tensors [B, S, heads · size].
  private func unpacked(_ value: ValueID, count: Int, _ expansion: inout Expansion) -> [ValueID] {
    (0..<count).map { index in
      let one = expansion.apply("Gather", [value, expansion.constant(Tensor(scalar: Int64(index)))], ["axis": .int(3)])
      return expansion.reshape(one, [0, 0, -1])
    }
  }

  private func split(_ value: ValueID, _ expansion: inout Expansion) -> ValueID {
    expansion.transpose(expansion.reshape(value, [0, 0, heads, -1]), [0, 2, 1, 3])
  }
}
