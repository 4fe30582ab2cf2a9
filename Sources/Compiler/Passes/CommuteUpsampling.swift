import GraphIR
import Operators
import Tensors

extension Pass {
  /// Channels below which a product costs no more than resampling its result.
  private static let fewestResampledChannels = 64

  static let commuteUpsampling = Pass(
    "commute-upsampling", "Multiply by 1 × 1 weights before an image is enlarged, not after."
  ) { (graph, log) throws(CompileError) in
    let pattern = GraphPattern(graph)
    var replaced: [Int: [Node]] = [:]
    var isRemoved = [Bool](repeating: false, count: graph.nodes.count)
    for index in graph.nodes.indices {
      let node = graph.nodes[index]
      guard let conv = node.implementation as? Conv, let joined = pattern.node(making: node.inputs[0], named: "Concat"),
        let concat = joined.implementation as? Concat, concat.axis == 1, joined.inputs.count == 2,
        let slot = joined.inputs.firstIndex(where: { pattern.node(making: $0, named: "Resize", "Upsample") != nil }),
        let large = joined.inputs[slot], let resized = pattern.index(making: large),
        let resize = graph.nodes[resized].implementation as? Resize, let small = graph.nodes[resized].inputs[0],
        let other = joined.inputs[1 - slot]
      else { continue }
      let resizing = graph.nodes[resized]
      guard let weights = pattern.constant(node.inputs[1]), weights.dataType == .float32,
        conv.isPointwise(weights: weights.shape)
      else {
        log.skipped("its weights are not 1 × 1 and constant", at: node)
        continue
      }
      guard let from = pattern.shape(small), let to = pattern.shape(large),
        resize.isSpatial(resizing, from: from, constants: graph.constants(of: resizing)),
        graph[small].type.tensor?.dataType == .float32
      else {
        log.skipped("\(resizing.label) does more than resample rows and columns", at: node)
        continue
      }
      guard pattern.isReadOnce(large), pattern.isReadOnce(node.inputs[0]) else {
        log.skipped("the enlarged image is read elsewhere too", at: node)
        continue
      }
      guard to.count >= 2 * from.count, from[1] >= fewestResampledChannels else {
        log.skipped("enlarging its result would cost more", at: node)
        continue
      }
      guard let (part, rest) = conv.split() else {
        log.skipped("something is added to it already", at: node)
        continue
      }
      let first = slot == 0 ? 0 : weights.shape[1] - from[1]
      let restFirst = slot == 0 ? from[1] : 0
      let filters = weights.shape[0]
      let name = graph[node.outputs[0]!].name
      let partWeights = graph.addConstant("\(name) (weights of the small image)", weights.columns(first, from[1]))
      let restWeights = graph.addConstant(
        "\(name) (other weights)", weights.columns(restFirst, weights.shape[1] - from[1]))
      var sums = from
      sums.dims[1] = filters
      let low = graph.addValue("\(name) (small)", type: .tensor(TensorType(.float32, sums)))
      let high = graph.addValue("\(name) (enlarged)", type: graph[node.outputs[0]!].type)

      var product = node, enlarging = resizing, sum = node
      product.name = "\(node.name) (small)"
      product.implementation = part
      (product.inputs, product.outputs) = ([small, partWeights], [low])
      enlarging.inputs[0] = low
      enlarging.outputs = [high]
      if let sizes = resize.sizesInput, resize.axes == nil, let given = pattern.constant(resizing.inputs[sizes]),
        given.count == 4
      {
        let own = [Int64(sums[0]), Int64(filters), Int64(to[2]), Int64(to[3])]
        enlarging.inputs[sizes] = graph.addConstant("\(name) (sizes)", Tensor(own, shape: [4]))
      }
      sum.implementation = rest
      sum.inputs = [other, restWeights, node.inputs.count > 2 ? node.inputs[2] : nil, high]
      replaced[index] = [product, enlarging, sum]
      isRemoved[resized] = true
      isRemoved[pattern.index(making: node.inputs[0])!] = true
      log.did("computed before and beside \(resizing.label)", at: node)
    }
    guard !replaced.isEmpty else { return }
    graph.nodes = graph.nodes.indices.flatMap { replaced[$0] ?? (isRemoved[$0] ? [] : [graph.nodes[$0]]) }
  }
}

extension Tensor {
  /// Columns `first ..< first + count` of weights of one pixel.
  fileprivate func columns(_ first: Int, _ count: Int) -> Tensor {
    let all = elements(as: Float.self), width = shape[1]
    var part: [Float] = []
    part.reserveCapacity(shape[0] * count)
    for row in 0..<shape[0] { part += all[(row * width + first)..<(row * width + first + count)] }
    return Tensor(part, shape: [shape[0], count, 1, 1])
  }
}
