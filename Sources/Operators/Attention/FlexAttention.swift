import GraphIR
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// ONNX's preview operator `FlexAttention`: `prob_mod(softmax(score_mod(scale · query · keyᵀ))) · value`, with subgraphs
/// that change all scores and all probabilities, both `[batch, heads, queries, keys]`.
public struct FlexAttention: HostOperator {
  public static let signatures = [Signature("FlexAttention", domain: "ai.onnx.preview")]

  private let scale: Float?
  private let precision: DataType?
  private let hasScoreBody: Bool
  private let hasProbabilityBody: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(3...3)
    scale = try node.float("scale")
    precision = try node.dataType("softmax_precision", in: DataType.floats)
    hasScoreBody = node.has("score_mod")
    hasProbabilityBody = node.has("prob_mod")
  }

  private func extents(
    _ dims: (Int) -> [Dimension]?, _ context: some Diagnosing
  ) throws(OperatorError) -> AttentionExtents? {
    for index in 0..<3 where dims(index).map({ $0.count != 4 }) ?? false {
      throw context.invalid("input \(index) has rank \(dims(index)?.count ?? 0), not 4")
    }
    return try AttentionExtents(
      query: dims(0), key: dims(1), value: dims(2), pastKey: nil, hasPast: false, queryHeads: nil, keyHeads: nil, context)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.elementType(0, in: DataType.floats)
    try context.expectSameElementType(0, 1, 2)
    var dims: [[Dimension]?] = []
    for index in 0..<3 { dims.append(try context.tensor(index).dims) }
    guard let x = try extents({ dims[$0] }, context) else { return [.tensor(TensorType(type, nil as [Dimension]?))] }
    return [try context.outputType(type, [x.batch, x.queryHeads, x.queries, x.valueSize])]
  }

  public func evaluate(_ context: EvaluationContext) throws(OperatorError) -> [RuntimeValue] {
    let query = try context.tensor(0), key = try context.tensor(1), value = try context.tensor(2)
    let (batch, heads, rows, size) = (query.shape[0], query.shape[1], query.shape[2], query.shape[3])
    let (shared, keys, width) = (key.shape[1], key.shape[2], value.shape[3])
    let group = shared > 0 ? heads / shared : 1
    let type = precision ?? (query.dataType == .float64 ? .float64 : .float32)
    let factor = scale.map(Double.init) ?? 1 / Double(max(size, 1)).squareRoot()

    var scores = try context.makeTensor(type, [batch, heads, rows, keys], isZeroed: false)
    try fill(&scores, context) { row, column in
      let (head, i) = row.quotientAndRemainder(dividingBy: rows)
      let own = head / heads * shared + head % heads / group
      var sum = 0.0
      for k in 0..<size {
        sum += ElementAccess.double(query.baseAddress, (head * rows + i) * size + k, query.dataType)
          * ElementAccess.double(key.baseAddress, (own * keys + column) * size + k, key.dataType)
      }
      return sum * factor
    }
    if hasScoreBody { scores = try run("score_mod", scores, context) }
    try softmax(&scores, context)
    if hasProbabilityBody { scores = try run("prob_mod", scores, context) }
    let probabilities = scores
    var output = try context.makeTensor(query.dataType, [batch, heads, rows, width], isZeroed: false)
    try fill(&output, context) { row, column in
      let head = row / max(rows, 1), own = head / heads * shared + head % heads / group
      var sum = 0.0
      for j in 0..<keys {
        sum += ElementAccess.double(probabilities.baseAddress, row * keys + j, type)
          * ElementAccess.double(value.baseAddress, (own * keys + j) * width + column, value.dataType)
      }
      return sum
    }
    return [.tensor(output)]
  }

  /// Computes every element from its row and its place in it.
  private func fill(
    _ tensor: inout Tensor, _ context: EvaluationContext, _ element: (Int, Int) -> Double
  ) throws(OperatorError) {
    let (type, width) = (tensor.dataType, tensor.shape[3])
    guard tensor.count > 0 else { return }
    for row in 0..<(tensor.count / width) {
      try context.checkStop()
      tensor.withUnsafeMutableBytes { bytes in
        for column in 0..<width {
          ElementAccess.store(element(row, column), bytes.baseAddress!, row * width + column, type)
        }
      }
    }
  }

  private func softmax(_ scores: inout Tensor, _ context: EvaluationContext) throws(OperatorError) {
    let (type, width, count) = (scores.dataType, scores.shape[3], scores.count)
    guard count > 0 else { return }
    scores.withUnsafeMutableBytes { bytes in
      let base = bytes.baseAddress!
      for first in stride(from: 0, to: count, by: width) {
        var greatest = -Double.infinity, sum = 0.0
        for k in first..<(first + width) { greatest = max(greatest, ElementAccess.double(base, k, type)) }
        for k in first..<(first + width) { sum += exp(ElementAccess.double(base, k, type) - greatest) }
        for k in first..<(first + width) {
          ElementAccess.store(exp(ElementAccess.double(base, k, type) - greatest) / sum, base, k, type)
        }
      }
    }
  }

  private func run(_ body: String, _ scores: Tensor, _ context: EvaluationContext) throws(OperatorError) -> Tensor {
    let results = try context.run(body, [.tensor(scores)])
    guard results.count == 1, let result = results[0].tensor, result.shape == scores.shape,
      result.dataType == scores.dataType
    else { throw context.invalid("the subgraph “\(body)” must give one \(scores.dataType)\(scores.shape)") }
    return result
  }
}
