import GraphIR
import Tensors

/// `com.microsoft` `Attention` and `QAttention`: projection to queries, keys and values, then scaled dot-product
/// attention.
///
/// Inputs: x [B, S, I], weights [I, Q + K + V], bias; then in `Attention` a mask, the past [2, B, heads, P, size] and a
/// summand for the scores; in `QAttention` the scales of x and weights, the mask, their zero points, and the past.
struct ContributedAttention: CompositeOperator {
  static let signatures = ["Attention", "QAttention"].map { Signature($0, domain: Contributed.domain) }

  private let isQuantized: Bool
  private let heads: Int
  private let isCausal: Bool
  private let scale: Float?
  private let filter: Float
  private let sizes: [Int]?

  init(_ node: NodeReader) throws(OperatorError) {
    isQuantized = node.node.operatorName == "QAttention"
    try node.expectInputs(2...(isQuantized ? 9 : 7))
    guard let heads = try node.int("num_heads"), heads > 0 else {
      throw node.invalid("the attribute “num_heads” is missing or not positive")
    }
    self.heads = heads
    isCausal = try node.bool("unidirectional", default: false)
    scale = try node.float("scale")
    filter = try node.float("mask_filter_value", default: -10000)
    sizes = try node.ints("qkv_hidden_sizes")
    guard try !node.bool("do_rotary", default: false) else { throw node.unsupported("rotation is not implemented") }
    guard sizes == nil || sizes?.count == 3 else {
      throw node.invalid("the attribute “qkv_hidden_sizes” has \(sizes?.count ?? 0) numbers instead of 3")
    }
  }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    let (maskIndex, pastIndex) = isQuantized ? (5, 8) : (3, 4)
    var packed: ValueID
    if isQuantized {
      packed = expansion.floatProduct(
        try expansion.input(0), try expansion.input(3), expansion.optional(6), try expansion.input(1),
        try expansion.input(4), expansion.optional(7), bias: expansion.optional(2))
    } else {
      packed = expansion.apply("MatMul", [try expansion.input(0), try expansion.input(1)])
      if let bias = expansion.optional(2) { packed = expansion.add(packed, bias) }
    }
    let parts =
      sizes.map {
        let sizes = expansion.constant(ints: $0)
        return expansion.apply("Split", [packed, sizes], ["axis": .int(-1)], outputs: 3)
      } ?? expansion.apply("Split", [packed], ["axis": .int(-1), "num_outputs": .int(3)], outputs: 3)
    var call = AttentionCall(query: parts[0], key: parts[1], value: parts[2], heads: heads)
    (call.isCausal, call.scale) = (isCausal, scale)
    if let past = expansion.optional(pastIndex) {
      call.pastKey = expansion.apply("Gather", [past, expansion.constant(Tensor(scalar: Int64(0)))])
      call.pastValue = expansion.apply("Gather", [past, expansion.constant(Tensor(scalar: Int64(1)))])
    }
    if expansion.has(maskIndex) {
      let total = expansion.keyCount(call.key, past: call.pastKey)
      call.mask = try expansion.additiveMask(maskIndex, keyCount: total, filter: filter)
    }
    if !isQuantized, let summand = expansion.optional(5) {
      call.mask = call.mask.map { expansion.add($0, summand) } ?? summand
    }
    let wantsPresent = expansion.wants(1)
    let results = call.apply(&expansion, wantsPresent: wantsPresent)
    guard wantsPresent else { return [results[0]] }
    let both = results[1...].map { expansion.unsqueeze($0, [0]) }
    return [results[0], expansion.apply("Concat", both.map { $0 }, ["axis": .int(0)])]
  }
}

/// ONNX `Attention` about to be called with queries, keys and values [B, S, heads · size], or with a heads axis.
struct AttentionCall {
  var query: ValueID
  var key: ValueID
  var value: ValueID
  var heads: Int
  var keyHeads: Int?
  var mask: ValueID?
  var pastKey: ValueID?
  var pastValue: ValueID?
  var isCausal = false
  var scale: Float?
  var softcap: Float = 0

  init(query: ValueID, key: ValueID, value: ValueID, heads: Int) {
    (self.query, self.key, self.value, self.heads) = (query, key, value, heads)
  }

  /// The output, and if wanted the keys and the values with those of the past.
  func apply(_ expansion: inout Expansion, wantsPresent: Bool) -> [ValueID] {
    var attributes: [String: Attribute] = [
      "q_num_heads": .int(heads), "kv_num_heads": .int(keyHeads ?? heads), "is_causal": .int(isCausal ? 1 : 0),
    ]
    if let scale, scale != 0 { attributes["scale"] = .float(scale) }
    if softcap != 0 { attributes["softcap"] = .float(softcap) }
    var inputs: [ValueID?] = [query, key, value, mask, pastKey, pastValue]
    while inputs.last! == nil { inputs.removeLast() }
    return expansion.apply("Attention", inputs, attributes, outputs: wantsPresent ? 3 : 1)
  }
}

extension Expansion {
  /// How many keys there are, those of the past included: [1], int64. `key` has its positions in axis `axis`.
  mutating func keyCount(_ key: ValueID, past: ValueID?, axis: Int = 1) -> ValueID {
    let own = apply("Shape", [key], ["start": .int(axis), "end": .int(axis + 1)])
    guard let past else { return own }
    return add(own, apply("Shape", [past], ["start": .int(2), "end": .int(3)]))
  }

  /// The mask in input `index` as a summand for the scores [B, 1, S or 1, T]: 0 where it holds, `filter` elsewhere.
  ///
  /// The mask holds the number of keys of each sequence [B], or a truth value for each key [B, T] or for each query and
  /// key [B, S, T].
  mutating func additiveMask(_ index: Int, keyCount: ValueID, filter: Float) throws(OperatorError) -> ValueID {
    let mask = try input(index)
    var holds: ValueID
    switch try rank(index) {
    case 1:
      let scalar = constant(ints: [])
      let end = apply("Reshape", [keyCount, scalar])
      let positions = apply(
        "Range", [constant(Tensor(scalar: Int64(0))), end, constant(Tensor(scalar: Int64(1)))])
      let lengths = unsqueeze(cast(mask, to: .int64), [1, 2, 3])
      holds = apply("Less", [positions, lengths])
    case 2: holds = unsqueeze(cast(mask, to: .bool), [1, 2])
    case 3: holds = unsqueeze(cast(mask, to: .bool), [1])
    case let rank: throw unsupported("a mask with \(rank) axes is not implemented")
    }
    holds = cast(holds, to: .float32)
    let summand = multiply(apply("Sub", [constant(1), holds]), constant(filter))
    guard let type = dataType(0), type == .float16 || type == .bfloat16 else { return summand }
    return cast(summand, to: type)
  }
}
