import CKernels
import GraphIR
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Floating-point types that attention is computed in.
protocol AttentionNumber: BinaryFloatingPoint, Sendable {
  static func exponential(_ x: Self) -> Self
  static func hyperbolicTangent(_ x: Self) -> Self
}

extension Float: AttentionNumber {
  static func exponential(_ x: Float) -> Float { expf(x) }
  static func hyperbolicTangent(_ x: Float) -> Float { tanhf(x) }
}

extension Double: AttentionNumber {
  static func exponential(_ x: Double) -> Double { exp(x) }
  static func hyperbolicTangent(_ x: Double) -> Double { tanh(x) }
}

/// The computation of one `Attention` node. Each task does one head of keys with all heads of queries that share it;
/// scores exist for one query at a time.
struct AttentionRun<Number: AttentionNumber & SIMDScalar>: Sendable {
  /// Where the rows of a tensor of heads are.
  private struct Rows: Sendable {
    let type: DataType
    let batch: Int
    let head: Int
    let row: Int

    /// Of a tensor `[batch, heads, length, size]`, or `[batch, length, heads · size]`.
    init(_ type: DataType, heads: Int, length: Int, size: Int, isPacked: Bool) {
      self.type = type
      batch = heads * length * size
      head = isPacked ? size : length * size
      row = isPacked ? heads * size : size
    }

    func offset(_ batch: Int, _ head: Int, _ row: Int) -> Int { batch * self.batch + head * self.head + row * self.row }
  }

  private let rules: AttentionRules
  private let batch: Int
  private let queryHeads: Int
  private let keyHeads: Int
  private let queries: Int
  private let pastKeys: Int
  private let keys: Int
  private let size: Int
  private let valueSize: Int
  private let root: Number

  private let query: Rows
  private let key: Rows
  private let value: Rows
  private let output: Rows
  private let past: (key: Rows, value: Rows)?

  private let maskType: DataType?
  private let maskStrides: [Int]
  private let maskedKeys: Int
  private let hasLengths: Bool
  private let wanted: [Bool]

  init(
    _ x: AttentionExtents, _ rules: AttentionRules, scale: Number?, _ context: KernelContext
  ) throws(OperatorError) {
    self.rules = rules
    batch = x.batch.value!
    queryHeads = x.queryHeads.value!
    keyHeads = x.keyHeads.value!
    queries = x.queries.value!
    pastKeys = x.pastKeys.value!
    keys = x.keys.value!
    size = x.size.value!
    valueSize = x.valueSize.value!
    // Both sides get the root of the scale, so that neither grows without need.
    root = (scale ?? 1 / Number(max(size, 1)).squareRoot()).squareRoot()
    let types = (
      try context.input(0).dataType, try context.input(1).dataType, try context.input(2).dataType
    )
    query = Rows(types.0, heads: queryHeads, length: queries, size: size, isPacked: x.isPacked)
    key = Rows(types.1, heads: keyHeads, length: keys - pastKeys, size: size, isPacked: x.isPacked)
    value = Rows(types.2, heads: keyHeads, length: keys - pastKeys, size: valueSize, isPacked: x.isPacked)
    output = Rows(types.0, heads: queryHeads, length: queries, size: valueSize, isPacked: x.isPacked)
    if context.has(4) {
      past = (
        Rows(try context.input(4).dataType, heads: keyHeads, length: pastKeys, size: size, isPacked: false),
        Rows(try context.input(5).dataType, heads: keyHeads, length: pastKeys, size: valueSize, isPacked: false)
      )
    } else {
      past = nil
    }
    if context.has(3) {
      let mask = try context.input(3)
      maskType = mask.dataType
      let lead = 4 - mask.shape.rank, strides = mask.strides
      maskStrides = (0..<3).map { $0 < lead || mask.shape[$0 - lead] == 1 ? 0 : strides[$0 - lead] }
      maskedKeys = mask.shape.dims.last ?? 0
    } else {
      (maskType, maskStrides, maskedKeys) = (nil, [0, 0, 0], 0)
    }
    hasLengths = context.has(6)
    wanted = (0..<4).map { $0 < context.outputs.count && context.outputs[$0] != nil }
  }

  func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let width = MemoryLayout<Number>.stride
    var plan = ScratchPlan()
    let places = (
      plan.reserve(keys * size * width), plan.reserve(keys * valueSize * width), plan.reserve(keys * width),
      plan.reserve(size * width), plan.reserve(valueSize * width)
    )
    return .tasks(
      batch * keyHeads, threads: context.target.threads, scratchPerWorker: plan.byteCount
    ) { operands, task, scratch in
      func part(_ offset: Int) -> UnsafeMutablePointer<Number> { (scratch! + offset).assumingMemoryBound(to: Number.self) }
      let memory = Memory(
        keys: part(places.0), values: part(places.1), scores: part(places.2), query: part(places.3), sum: part(places.4))
      let (b, h) = task.quotientAndRemainder(dividingBy: keyHeads)
      gather(operands, b, h, memory)
      let group = queryHeads / keyHeads
      for head in h * group..<(h + 1) * group {
        for row in 0..<queries { attend(operands, b, head, row, memory) }
      }
    }
  }

  private struct Memory {
    let keys: UnsafeMutablePointer<Number>
    let values: UnsafeMutablePointer<Number>
    let scores: UnsafeMutablePointer<Number>
    let query: UnsafeMutablePointer<Number>
    let sum: UnsafeMutablePointer<Number>
  }

  /// Brings the keys (scaled) and values of one head together, and writes them to the outputs that keep them.
  private func gather(_ operands: Operands, _ b: Int, _ h: Int, _ memory: Memory) {
    func copy(
      _ input: Int, _ rows: Rows, _ index: Int, _ count: Int, _ factor: Number, _ target: UnsafeMutablePointer<Number>,
      keptIn output: Int, at place: Int
    ) {
      let source = operands.rawInput(input)
      let first = rows.offset(b, h, index)
      Self.load(source, first, rows.type, count, factor, target)
      guard wanted[output] else { return }
      for k in 0..<count {
        ElementAccess.store(
          ElementAccess.double(source, first + k, rows.type), operands.rawOutput(output), place + k, rows.type)
      }
    }
    for j in 0..<keys {
      let place = (b * keyHeads + h) * keys + j
      let isPast = j < pastKeys
      let keyRows = isPast ? past?.key ?? key : key, valueRows = isPast ? past?.value ?? value : value
      let index = isPast ? j : j - pastKeys
      copy(isPast ? 4 : 1, keyRows, index, size, root, memory.keys + j * size, keptIn: 1, at: place * size)
      copy(isPast ? 5 : 2, valueRows, index, valueSize, 1, memory.values + j * valueSize, keptIn: 2, at: place * valueSize)
    }
  }

  private func attend(_ operands: Operands, _ b: Int, _ head: Int, _ row: Int, _ memory: Memory) {
    Self.load(operands.rawInput(0), query.offset(b, head, row), query.type, size, root, memory.query)
    let scores = memory.scores
    let scoresPlace = ((b * queryHeads + head) * queries + row) * keys
    func keep(_ stage: AttentionRules.Stage) {
      guard wanted[3], rules.stage == stage else { return }
      for j in 0..<keys { ElementAccess.store(Double(scores[j]), operands.rawOutput(3), scoresPlace + j, query.type) }
    }
    for j in 0..<keys { scores[j] = Self.dot(memory.query, memory.keys + j * size, size) }
    keep(.products)
    if rules.cap > 0 {
      let cap = Number(rules.cap)
      for j in 0..<keys { scores[j] = Number.hyperbolicTangent(scores[j] / cap) * cap }
    }
    keep(.capped)
    let isOpen = addBias(operands, b, head, row, scores)
    keep(.biased)
    softmax(scores, isOpen: isOpen)
    keep(.weights)
    let sum = memory.sum
    for d in 0..<valueSize { sum[d] = 0 }
    for j in 0..<keys where scores[j] != 0 {
      let (weight, value) = (scores[j], memory.values + j * valueSize)
      for d in 0..<valueSize { sum[d] += weight * value[d] }
    }
    let place = output.offset(b, head, row)
    for d in 0..<valueSize { ElementAccess.store(Double(sum[d]), operands.rawOutput(0), place + d, output.type) }
  }

  /// Adds mask, causality and windows; false if they leave no key.
  private func addBias(
    _ operands: Operands, _ b: Int, _ head: Int, _ row: Int, _ scores: UnsafeMutablePointer<Number>
  ) -> Bool {
    let valid = hasLengths ? Int(operands.input(6, as: Int64.self)[b]) : keys
    let position = row &+ (hasLengths ? valid &- queries : pastKeys)
    let mask = b * maskStrides[0] + head * maskStrides[1] + row * maskStrides[2]
    var isOpen = false
    for j in 0..<keys {
      var bias: Number = 0
      if let maskType {
        if j >= maskedKeys {
          bias = -.infinity
        } else if maskType == .bool {
          bias = ElementAccess.integer(operands.rawInput(3), mask + j, .bool) != 0 ? 0 : -.infinity
        } else {
          bias = Number(ElementAccess.double(operands.rawInput(3), mask + j, maskType))
        }
      }
      if j >= valid || (rules.isCausal && j > position) { bias = -.infinity }
      if let left = rules.left, position &- left > j { bias = -.infinity }
      if let right = rules.right, j &- right > position { bias = -.infinity }
      if bias != -.infinity { isOpen = true }
      scores[j] += bias
    }
    return isOpen
  }

  private func softmax(_ scores: UnsafeMutablePointer<Number>, isOpen: Bool) {
    guard isOpen else {
      for j in 0..<keys { scores[j] = 0 }
      return
    }
    if let format = rules.precision.flatMap(NarrowFloat.format) {
      for j in 0..<keys { scores[j] = Number(format.decode(format.encode(Double(scores[j])))) }
    }
    var greatest = -Number.infinity
    for j in 0..<keys where !(scores[j] <= greatest) { greatest = scores[j] }
    guard greatest != -.infinity else {
      for j in 0..<keys { scores[j] = 0 }
      return
    }
    var sum: Number = 0
    for j in 0..<keys {
      scores[j] = Number.exponential(scores[j] - greatest)
      sum += scores[j]
    }
    let factor = 1 / sum
    for j in 0..<keys { scores[j] *= factor }
  }

  @inline(__always)
  private static func load(
    _ source: UnsafeRawPointer, _ first: Int, _ type: DataType, _ count: Int, _ factor: Number,
    _ target: UnsafeMutablePointer<Number>
  ) {
    for k in 0..<count { target[k] = Number(ElementAccess.double(source, first + k, type)) * factor }
  }

  /// The inner product, in eight sums that are added at the end.
  @inline(__always)
  private static func dot(_ a: UnsafePointer<Number>, _ b: UnsafePointer<Number>, _ count: Int) -> Number {
    var sums = SIMD8<Number>(repeating: 0)
    var k = 0
    while k + 8 <= count {
      let x = UnsafeRawPointer(a + k).loadUnaligned(as: SIMD8<Number>.self)
      let y = UnsafeRawPointer(b + k).loadUnaligned(as: SIMD8<Number>.self)
      sums += x * y
      k += 8
    }
    var sum = sums.sum()
    while k < count {
      sum += a[k] * b[k]
      k += 1
    }
    return sum
  }
}
