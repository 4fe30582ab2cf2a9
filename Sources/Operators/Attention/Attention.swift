import GraphIR
import Tensors

/// ONNX `Attention`: `softmax(scale · query · keyᵀ + mask) · value` for every head, with an optional cache of keys and
/// values.
///
/// Outputs: the result, the keys and values with their past, and one stage of the scores. Rows of the softmax that no
/// key may enter are zero.
public struct Attention: Operator {
  public static let signatures = [Signature("Attention", versions: 23...Signature.newestOpset)]

  private let queryHeads: Int?
  private let keyHeads: Int?
  private let scale: Float?
  private let rules: AttentionRules

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(3...(node.version < 24 ? 6 : 7))
    queryHeads = try node.int("q_num_heads")
    keyHeads = try node.int("kv_num_heads")
    scale = try node.float("scale")
    rules = try AttentionRules(node)
    guard node.hasInput(4) == node.hasInput(5) else {
      throw node.invalid("past keys and past values must be given together")
    }
    guard !node.hasInput(4) || !node.hasInput(6) else {
      throw node.invalid("“nonpad_kv_seqlen” cannot be given together with past keys")
    }
  }

  private func extents(
    _ dims: (Int) -> [Dimension]?, hasPast: Bool, _ context: some Diagnosing
  ) throws(OperatorError) -> AttentionExtents? {
    try AttentionExtents(
      query: dims(0), key: dims(1), value: dims(2), pastKey: dims(4), hasPast: hasPast, queryHeads: queryHeads,
      keyHeads: keyHeads, context)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.elementType(0, in: DataType.floats)
    _ = try context.elementType(1, in: DataType.floats)
    let valueType = try context.elementType(2, in: DataType.floats)
    if context.has(3) { _ = try context.elementType(3, in: DataType.numbers.union([.bool])) }
    if context.has(6) { _ = try context.elementType(6, in: [.int64]) }
    var dims = [[Dimension]?](repeating: nil, count: 7)
    for index in 0..<7 where context.has(index) { dims[index] = try context.tensor(index).dims }
    guard let x = try extents({ dims[$0] }, hasPast: context.has(4), context) else {
      let unknown = TensorType(nil, nil as [Dimension]?)
      return [type, type, valueType, type].prefix(max(context.node.outputs.count, 1)).map {
        .tensor(TensorType($0, unknown.dims))
      }
    }
    try check(dims[4], [x.batch, x.keyHeads, x.pastKeys, x.size], input: 4, context)
    try check(dims[5], [x.batch, x.keyHeads, x.pastKeys, x.valueSize], input: 5, context)
    try check(dims[6], [x.batch], input: 6, context)
    try checkMask(dims[3], x, context)
    var result = [x.batch, x.queryHeads, x.queries, x.valueSize]
    if x.isPacked {
      var hidden = Dimension.unknown
      if let heads = x.queryHeads.value, let size = x.valueSize.value {
        let (product, overflow) = heads.multipliedReportingOverflow(by: size)
        guard !overflow else { throw context.invalid("the heads are too large") }
        hidden = .fixed(product)
      }
      result = [x.batch, x.queries, hidden]
    }
    let all = [
      try context.outputType(type, result),
      try context.outputType(type, [x.batch, x.keyHeads, x.keys, x.size]),
      try context.outputType(valueType, [x.batch, x.keyHeads, x.keys, x.valueSize]),
      try context.outputType(type, [x.batch, x.queryHeads, x.queries, x.keys]),
    ]
    return Array(all.prefix(max(context.node.outputs.count, 1)))
  }

  private func check(
    _ dims: [Dimension]?, _ wanted: [Dimension], input: Int, _ context: InferenceContext
  ) throws(OperatorError) {
    guard let dims else { return }
    let fits = dims.count == wanted.count
      && zip(dims, wanted).allSatisfy { $0.mayEqual($1) }
    guard fits else {
      throw context.invalid(
        "input \(input) has shape \(TensorType(nil, dims).extents) instead of \(TensorType(nil, wanted).extents)")
    }
  }

  /// The mask broadcasts to the scores; its last axis may be shorter, and then covers the first keys.
  private func checkMask(
    _ mask: [Dimension]?, _ x: AttentionExtents, _ context: InferenceContext
  ) throws(OperatorError) {
    guard let mask else { return }
    let scores = [x.batch, x.queryHeads, x.queries, x.keys]
    let fits = (1...4).contains(mask.count)
      && zip(mask.reversed(), scores.reversed()).enumerated().allSatisfy { place, pair in
        guard let own = pair.0.value, let whole = pair.1.value else { return true }
        return place == 0 ? own <= whole : own == whole || own == 1
      }
    guard fits else {
      throw context.invalid(
        "the mask of shape \(TensorType(nil, mask).extents) does not broadcast to \(TensorType(nil, scores).extents)")
    }
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    func dims(_ index: Int) -> [Dimension]? {
      guard index < context.inputs.count else { return nil }
      return context.inputs[index]?.shape.dims.map { .fixed($0) }
    }
    guard let x = try extents(dims, hasPast: context.has(4), context) else { throw context.invalid("an input is missing") }
    let isDouble = [0, 1, 2].contains { context.inputs[$0]?.dataType == .float64 } || rules.precision == .float64
    if isDouble { return try AttentionRun<Double>(x, rules, scale: scale.map(Double.init), context).kernel(context) }
    return try AttentionRun<Float>(x, rules, scale: scale, context).kernel(context)
  }
}

/// How the scores of an `Attention` node become weights.
struct AttentionRules: Sendable {
  /// What output 3 holds.
  enum Stage: Int, Sendable { case products, capped, biased, weights }

  let isCausal: Bool
  /// Keys a query may see before and after its own position; nil for all.
  let left: Int?
  let right: Int?
  /// 0 for none.
  let cap: Float
  let stage: Stage
  /// The type that scores are rounded to before the softmax.
  let precision: DataType?

  init(_ node: NodeReader) throws(OperatorError) {
    isCausal = try node.bool("is_causal", default: false)
    func bound(_ name: String) throws(OperatorError) -> Int? {
      let value = node.version < 25 ? -1 : try node.int(name, default: -1)
      guard value >= -1 else { throw node.invalid("attribute “\(name)” is \(value)") }
      // Beyond any sequence, and far from overflow.
      return value < 0 ? nil : min(value, 1 << 48)
    }
    left = try bound("left_window_size")
    right = try bound("right_window_size")
    cap = try node.float("softcap", default: 0)
    guard let stage = Stage(rawValue: try node.int("qk_matmul_output_mode", default: 0)) else {
      throw node.invalid("attribute “qk_matmul_output_mode” must be from 0 to 3")
    }
    self.stage = stage
    precision = try node.dataType("softmax_precision", in: DataType.floats)
  }
}
