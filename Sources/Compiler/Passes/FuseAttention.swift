import GraphIR
import Operators
import Tensors

extension Pass {
  static let fuseAttention = Pass(
    "fuse-attention", "Compute softmax(Q · Kᵀ) · V a few queries at a time, from and to where heads lie."
  ) { (graph, log) throws(CompileError) in
    let pattern = GraphPattern(graph)
    var made: [Int: Node] = [:]
    for index in graph.nodes.indices {
      let node = graph.nodes[index]
      guard let softmax = node.implementation as? Softmax else { continue }
      switch AttentionPattern.find(node, softmax, pattern) {
      case .notApplicable: continue
      case .skip(let reason): log.skipped(reason, at: node)
      case .found(let last, let attention):
        log.did("is attention of \(attention.inputs.count > 3 ? "masked " : "")heads", at: node)
        made[last] = attention
      }
    }
    guard !made.isEmpty else { return }
    for (index, node) in made { graph.nodes[index] = node }
    graph.removeDeadNodes()
  }
}

/// `MatMul → Mul → Add → Softmax → MatMul → Transpose`, of which `Mul`, `Add` and `Transpose` may be missing.
private enum AttentionPattern {
  case notApplicable
  case skip(String)
  /// The node to put in the place of the one at this index.
  case found(Int, Node)

  static func find(_ node: Node, _ softmax: Softmax, _ pattern: GraphPattern) -> AttentionPattern {
    guard let weights = node.outputs[0], let scores = node.inputs[0], let shape = pattern.shape(scores),
      3...4 ~= shape.rank, shape.count > 0, softmax.runsAlongLastAxis(rank: shape.rank),
      let second = pattern.onlyReader(of: weights), pattern.graph.nodes[second].implementation is MatMul,
      pattern.graph.nodes[second].inputs[0] == weights, let v = pattern.graph.nodes[second].inputs[1]
    else { return .notApplicable }
    guard let products = ScaledProducts(scores, pattern) else { return .skip("its input is not a scaled product") }
    for id in [products.q, products.k, v] where pattern.graph[id].type.tensor?.dataType != .float32 {
      return .skip("it is not of float32")
    }
    guard let query = StridedView(products.q, pattern), let key = StridedView(products.k, pattern),
      let value = StridedView(v, pattern)
    else { return .notApplicable }
    let rank = shape.rank
    guard query.shape.count == rank, key.shape.count == rank, value.shape.count == rank else {
      return .skip("its operands have different ranks")
    }
    let (heads, queries, keys) = (shape.dims.dropLast(2), shape[rank - 2], shape[rank - 1])
    let (width, valueWidth) = (query.shape[rank - 1], value.shape[rank - 1])
    guard query.shape.dropLast(2) == heads, key.shape.dropLast(2) == heads, value.shape.dropLast(2) == heads else {
      return .skip("its heads broadcast")
    }
    guard query.strides[rank - 1] == 1 || width == 1, key.strides[rank - 2] == 1 || width == 1,
      value.strides[rank - 1] == 1 || valueWidth == 1
    else { return .skip("a head's elements do not lie side by side") }

    func rows(_ strides: [Int], row: Int) -> FusedAttention.Rows {
      FusedAttention.Rows(batch: rank == 4 ? strides[0] : 0, head: strides[rank - 3], row: strides[row])
    }
    var inputs = [query.source, key.source, value.source]
    var mask: FusedAttention.Rows?
    if let id = products.mask {
      guard let place = maskRows(id, shape, pattern) else { return .skip("its mask has another shape or type") }
      mask = place
      inputs.append(id)
    }

    var last = second
    let result = pattern.graph.nodes[second].outputs[0]!
    var outputShape = Shape(Array(heads) + [queries, valueWidth])
    var output = outputShape.rowMajorStrides
    if rank == 4, let next = pattern.onlyReader(of: result),
      let transpose = pattern.graph.nodes[next].implementation as? Transpose, transpose.permutation == [0, 2, 1, 3]
    {
      last = next
      outputShape = [outputShape[0], outputShape[2], outputShape[1], outputShape[3]]
      let strides = outputShape.rowMajorStrides
      output = [strides[0], strides[2], strides[1], strides[3]]
    }
    let sizes = FusedAttention.Sizes(
      batch: rank == 4 ? heads[0] : 1, heads: heads[rank - 3], queries: queries, keys: keys, width: width,
      valueWidth: valueWidth)
    let attention = FusedAttention(
      sizes: sizes, scale: products.scale, query: rows(query.strides, row: rank - 2),
      key: rows(key.strides, row: rank - 1), value: rows(value.strides, row: rank - 2), mask: mask,
      output: rows(output, row: rank - 2), outputShape: outputShape)
    return .found(
      last,
      Node(
        name: node.name, operatorName: FusedAttention.name, domain: FusedAttention.domain, version: 1, inputs: inputs,
        outputs: pattern.graph.nodes[last].outputs, implementation: attention))
  }

  /// Where a mask that broadcasts to the scores has its rows.
  private static func maskRows(_ id: ValueID, _ scores: Shape, _ pattern: GraphPattern) -> FusedAttention.Rows? {
    guard let shape = pattern.shape(id), pattern.graph[id].type.tensor?.dataType == .float32,
      shape.rank >= 1, shape.rank <= scores.rank, shape[shape.rank - 1] == scores[scores.rank - 1],
      shape.broadcast(with: scores) == scores
    else { return nil }
    let lead = scores.rank - shape.rank, own = shape.rowMajorStrides
    func stride(_ axis: Int) -> Int { axis < lead || axis < 0 || shape[axis - lead] == 1 ? 0 : own[axis - lead] }
    return FusedAttention.Rows(
      batch: scores.rank == 4 ? stride(0) : 0, head: stride(scores.rank - 3), row: stride(scores.rank - 2))
  }
}

/// `scale · Q · Kᵀ + mask`, where scale and mask may be missing.
private struct ScaledProducts {
  let q: ValueID
  let k: ValueID
  private(set) var scale: Float = 1
  private(set) var mask: ValueID?

  init?(_ scores: ValueID, _ pattern: GraphPattern) {
    var id = scores
    guard pattern.isReadOnce(id) else { return nil }
    if let sum = pattern.node(making: id, named: "Add") {
      // The summand that is (a multiple of) a product; the other is the mask.
      guard let (product, other) = pattern.eitherWay(sum).first(where: { Self.isProduct($0.0, pattern) }),
        pattern.isReadOnce(product)
      else { return nil }
      (id, mask) = (product, other)
    }
    if let node = pattern.node(making: id, named: "Mul", "Div"), let (value, factor) = pattern.scaled(node),
      pattern.isReadOnce(value)
    {
      (scale, id) = (factor, value)
    }
    guard let matMul = pattern.node(making: id, named: "MatMul"), let q = matMul.inputs[0], let k = matMul.inputs[1]
    else { return nil }
    (self.q, self.k) = (q, k)
  }

  private static func isProduct(_ id: ValueID, _ pattern: GraphPattern) -> Bool {
    let scaled = pattern.node(making: id, named: "Mul", "Div").flatMap { pattern.scaled($0)?.value }
    return pattern.node(making: scaled ?? id, named: "MatMul") != nil
  }
}
