import GraphIR
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// ONNX `LinearAttention`: attention by a state `[d_k, d_v]` per head that every token updates and reads.
///
/// The state decays (`gated`), and takes what it did not know yet (`delta`). Computed in float32, token after token.
public struct LinearAttention: Operator {
  public static let signatures = [Signature("LinearAttention", versions: 27...Signature.newestOpset)]

  private let queryHeads: Int
  private let keyHeads: Int
  private let scale: Float
  private let isGated: Bool
  private let isDelta: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(3...6)
    guard let queryHeads = try node.int("q_num_heads"), let keyHeads = try node.int("kv_num_heads"), keyHeads >= 1,
      queryHeads >= 1, queryHeads % keyHeads == 0
    else { throw node.invalid("“q_num_heads” must be a positive multiple of “kv_num_heads”") }
    self.queryHeads = queryHeads
    self.keyHeads = keyHeads
    scale = try node.float("scale", default: 0)
    switch try node.string("update_rule", default: "gated_delta") {
    case "linear": (isGated, isDelta) = (false, false)
    case "gated": (isGated, isDelta) = (true, false)
    case "delta": (isGated, isDelta) = (false, true)
    case "gated_delta": (isGated, isDelta) = (true, true)
    case let other: throw node.invalid("the update rule “\(other)” does not exist")
    }
    guard node.hasInput(4) == isGated, node.hasInput(5) == isDelta else {
      throw node.invalid("decay (input 4) belongs to the gated rules and only to them, beta (input 5) to the delta rules")
    }
  }

  private func part(_ hidden: Dimension, _ heads: Int, _ context: InferenceContext) throws(OperatorError) -> Dimension {
    guard let hidden = hidden.value else { return .unknown }
    guard hidden % heads == 0 else { throw context.invalid("\(hidden) elements cannot be divided among \(heads) heads") }
    return .fixed(hidden / heads)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.elementType(0, in: DataType.floats)
    for index in 1...5 where context.has(index) { _ = try context.elementType(index, in: DataType.floats) }
    let stateType = context.has(3) ? try context.tensor(3).dataType : type
    let q = try context.dims(0, rank: 3...3), k = try context.dims(1, rank: 3...3), v = try context.dims(2, rank: 3...3)
    let keySize = try part(k?[2] ?? .unknown, keyHeads, context), valueSize = try part(v?[2] ?? .unknown, keyHeads, context)
    let querySize = try part(q?[2] ?? .unknown, queryHeads, context)
    if let a = querySize.value, let b = keySize.value, a != b {
      throw context.invalid("queries have \(a) elements per head, keys \(b)")
    }
    var (batch, tokens) = (Dimension.unknown, Dimension.unknown)
    for (index, dims) in [q, k, v].enumerated() {
      guard let dims else { continue }
      if let a = batch.value, let b = dims[0].value, a != b { throw context.invalid("input \(index) has another batch") }
      if let a = tokens.value, let b = dims[1].value, a != b { throw context.invalid("input \(index) has other tokens") }
      if batch.value == nil { batch = dims[0] }
      if tokens.value == nil { tokens = dims[1] }
    }
    if context.has(3) {
      try check(3, [batch, .fixed(keyHeads), keySize, valueSize], context)
    }
    if context.has(4), let decay = try context.dims(4, rank: 3...3) {
      try check(4, [batch, tokens, decay[2]], context)
      if let last = decay[2].value, let size = keySize.value, last != keyHeads, last != keyHeads * size {
        throw context.invalid("the decay has \(last) elements per token; \(keyHeads) or \(keyHeads * size) are allowed")
      }
    }
    if context.has(5), let beta = try context.dims(5, rank: 3...3) {
      try check(5, [batch, tokens, beta[2]], context)
      if let last = beta[2].value, last != keyHeads, last != 1 {
        throw context.invalid("beta has \(last) elements per token; \(keyHeads) or 1 are allowed")
      }
    }
    var hidden = Dimension.unknown
    if let size = valueSize.value {
      let (product, overflow) = size.multipliedReportingOverflow(by: queryHeads)
      guard !overflow else { throw context.invalid("the heads are too large") }
      hidden = .fixed(product)
    }
    return [
      try context.outputType(type, [batch, tokens, hidden]),
      try context.outputType(stateType, [batch, .fixed(keyHeads), keySize, valueSize]),
    ].prefix(max(context.node.outputs.count, 1)).map { $0 }
  }

  private func check(_ index: Int, _ wanted: [Dimension], _ context: InferenceContext) throws(OperatorError) {
    guard let dims = try context.dims(index, rank: wanted.count...wanted.count) else { return }
    guard zip(dims, wanted).allSatisfy({ $0.mayEqual($1) }) else {
      throw context.invalid(
        "input \(index) has shape \(TensorType(nil, dims).extents) instead of \(TensorType(nil, wanted).extents)")
    }
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let (query, key, value) = (try context.input(0), try context.input(1), try context.input(2))
    let (batch, tokens) = (query.shape[0], query.shape[1])
    let (queryHeads, keyHeads, group) = (queryHeads, keyHeads, queryHeads / keyHeads)
    let (dk, dv) = (key.shape[2] / keyHeads, value.shape[2] / keyHeads)
    let types = context.inputs.map { $0?.dataType ?? .float32 }
    let outputType = try context.output(0).dataType
    let hasState = context.has(3)
    let keptType = context.outputs.count > 1 ? context.outputs[1]?.dataType : nil
    let decayWidth = context.has(4) ? try context.input(4).shape[2] : 0
    let betaWidth = context.has(5) ? try context.input(5).shape[2] : 0
    let factor = scale != 0 ? scale : 1 / Float(max(dk, 1)).squareRoot()
    let (isGated, isDelta) = (isGated, isDelta)
    var plan = ScratchPlan()
    let stateOffset = plan.reserve(floats: dk * dv), keyOffset = plan.reserve(floats: dk)
    let valueOffset = plan.reserve(floats: dv), sumOffset = plan.reserve(floats: dv)
    return .tasks(
      batch * keyHeads, threads: context.target.threads, scratchPerWorker: plan.byteCount
    ) { operands, task, scratch in
      func part(_ offset: Int) -> UnsafeMutablePointer<Float> { (scratch! + offset).assumingMemoryBound(to: Float.self) }
      func read(_ input: Int, _ index: Int) -> Float {
        Float(ElementAccess.double(operands.rawInput(input), index, types[input]))
      }
      let (state, k, v, sum) = (part(stateOffset), part(keyOffset), part(valueOffset), part(sumOffset))
      let (b, h) = task.quotientAndRemainder(dividingBy: keyHeads)
      for i in 0..<(dk * dv) { state[i] = hasState ? read(3, task * dk * dv + i) : 0 }
      for t in 0..<tokens {
        let token = b * tokens + t
        for i in 0..<dk { k[i] = read(1, (token * keyHeads + h) * dk + i) }
        for j in 0..<dv { v[j] = read(2, (token * keyHeads + h) * dv + j) }
        if isGated {
          for i in 0..<dk {
            let place = decayWidth == keyHeads ? h : h * dk + i
            let decay = expf(read(4, token * decayWidth + place))
            for j in 0..<dv { state[i * dv + j] *= decay }
          }
        }
        if isDelta {
          for j in 0..<dv { sum[j] = 0 }
          for i in 0..<dk { for j in 0..<dv { sum[j] += state[i * dv + j] * k[i] } }
          let beta = read(5, token * betaWidth + (betaWidth == 1 ? 0 : h))
          for j in 0..<dv { v[j] = beta * (v[j] - sum[j]) }
        }
        for i in 0..<dk { for j in 0..<dv { state[i * dv + j] += k[i] * v[j] } }
        for head in h * group..<(h + 1) * group {
          for j in 0..<dv { sum[j] = 0 }
          for i in 0..<dk {
            let q = read(0, (token * queryHeads + head) * dk + i)
            for j in 0..<dv { sum[j] += q * state[i * dv + j] }
          }
          let place = (token * queryHeads + head) * dv
          for j in 0..<dv { ElementAccess.store(Double(factor * sum[j]), operands.rawOutput(0), place + j, outputType) }
        }
      }
      if let keptType {
        for i in 0..<(dk * dv) {
          ElementAccess.store(Double(state[i]), operands.rawOutput(1), task * dk * dv + i, keptType)
        }
      }
    }
  }
}
