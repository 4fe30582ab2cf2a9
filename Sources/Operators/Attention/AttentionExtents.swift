import GraphIR
import Tensors

/// What the shapes of an `Attention` node's inputs say: 4-D `[batch, heads, length, size]`, or 3-D
/// `[batch, length, heads · size]`.
struct AttentionExtents {
  let isPacked: Bool
  let batch: Dimension
  let queryHeads: Dimension
  let keyHeads: Dimension
  let queries: Dimension
  /// Keys of this call, without the past.
  let newKeys: Dimension
  let pastKeys: Dimension
  let keys: Dimension
  /// Elements of a query and of a key.
  let size: Dimension
  /// Elements of a value.
  let valueSize: Dimension

  /// Nil when a rank is not known.
  init?(
    query: [Dimension]?, key: [Dimension]?, value: [Dimension]?, pastKey: [Dimension]?, hasPast: Bool,
    queryHeads: Int?, keyHeads: Int?, _ context: some Diagnosing
  ) throws(OperatorError) {
    guard let query, let key, let value else { return nil }
    guard query.count == key.count, key.count == value.count, (3...4).contains(query.count) else {
      throw context.invalid("query, key and value have ranks \(query.count), \(key.count), \(value.count); all must be 3 or 4")
    }
    isPacked = query.count == 3
    func same(_ a: Dimension, _ b: Dimension, _ what: String) throws(OperatorError) -> Dimension {
      guard let x = a.value else { return b.value == nil ? a : b }
      guard let y = b.value, x != y else { return a }
      throw context.invalid("\(what) differ: \(x) and \(y)")
    }
    func part(_ hidden: Dimension, _ heads: Int) throws(OperatorError) -> Dimension {
      guard let hidden = hidden.value else { return .unknown }
      guard hidden % heads == 0 else { throw context.invalid("\(hidden) elements cannot be divided among \(heads) heads") }
      return .fixed(hidden / heads)
    }
    batch = try same(try same(query[0], key[0], "batches"), value[0], "batches")
    if isPacked {
      guard let q = queryHeads, let k = keyHeads, q >= 1, k >= 1 else {
        throw context.invalid("3-D inputs need the attributes “q_num_heads” and “kv_num_heads”, both positive")
      }
      (self.queryHeads, self.keyHeads) = (.fixed(q), .fixed(k))
      queries = query[1]
      newKeys = try same(key[1], value[1], "numbers of keys and values")
      size = try same(try part(query[2], q), try part(key[2], k), "sizes of queries and keys")
      valueSize = try part(value[2], k)
    } else {
      self.queryHeads = query[1]
      self.keyHeads = try same(key[1], value[1], "heads of keys and values")
      queries = query[2]
      newKeys = try same(key[2], value[2], "numbers of keys and values")
      size = try same(query[3], key[3], "sizes of queries and keys")
      valueSize = value[3]
    }
    if let q = self.queryHeads.value, let k = self.keyHeads.value, k == 0 ? q > 0 : q % k != 0 {
      throw context.invalid("\(q) heads of queries cannot share \(k) heads of keys")
    }
    if let pastKey, pastKey.count != 4 { throw context.invalid("the past keys have rank \(pastKey.count), not 4") }
    pastKeys = hasPast ? pastKey?[2] ?? .unknown : 0
    switch (pastKeys.value, newKeys.value) {
    case (let past?, let new?):
      let (sum, overflow) = past.addingReportingOverflow(new)
      guard !overflow else { throw context.invalid("there are too many keys") }
      keys = .fixed(sum)
    case (0?, nil): keys = newKeys
    default: keys = .unknown
    }
  }
}
