import GraphIR
import Tensors

/// How much arithmetic nodes do.
enum Work {
  /// Multiply-adds of the products in a node: convolutions, matrix products, recurrent layers, attention. 0 for all
  /// other operators; nil when a shape is not known.
  ///
  /// A product with a dequantization or activation around it counts as the product.
  static func multiplyAdds(of node: Node, in graph: Graph) -> Int? {
    let types = Types(node: node, graph: graph)
    switch node.operatorName {
    case "Conv", "FusedConv", "ConvInteger", "NhwcFusedConv": return types.convolution(weights: 1)
    case "QLinearConv": return types.convolution(weights: 3)
    case "ConvTranspose": return types.transposedConvolution()
    case "MatMul", "FusedMatMul", "MatMulInteger", "DynamicQuantizeMatMul", "MatMulInteger16", "MatMulIntegerToFloat",
      "QLinearMatMul", "MatMulNBits", "TransposeMatMul", "FusedGemm", "Gemm":
      return types.product(transposesLeft: isSet("transA", node))
    case "LSTM", "RoundedStateLSTM": return types.recurrent(gates: 4)
    case "GRU": return types.recurrent(gates: 3)
    case "RNN": return types.recurrent(gates: 1)
    case "Einsum": return types.einsum()
    case "Attention", "MultiHeadAttention": return node.domain.isEmpty ? types.attention() : 0
    default: return 0
    }
  }

  private static func isSet(_ name: String, _ node: Node) -> Bool {
    if case .int(let value)? = node.attributes[name] { return value != 0 }
    return false
  }
}

/// The shapes around a node.
private struct Types {
  let node: Node
  let graph: Graph

  func input(_ index: Int) -> Shape? {
    guard index < node.inputs.count, let id = node.inputs[index] else { return nil }
    return graph[id].type.tensor?.shape
  }

  var output: Shape? { node.outputs.first.flatMap { $0 }.flatMap { graph[$0].type.tensor?.shape } }

  /// w: [filters, channels of a group, kernel…]
  func convolution(weights: Int) -> Int? {
    guard let w = input(weights), let y = output, w.rank > 2 else { return nil }
    return saturating([y.count, w.count(1..<w.rank)])
  }

  /// w: [channels, filters of a group, kernel…]
  func transposedConvolution() -> Int? {
    guard let w = input(1), let x = input(0), w.rank > 2 else { return nil }
    return saturating([x.count, w.count(1..<w.rank)])
  }

  /// Every element of the result is a sum over the left side's last axis.
  func product(transposesLeft: Bool) -> Int? {
    guard let a = input(0), let y = output, let depth = transposesLeft ? a.dims.dropLast().last : a.dims.last else {
      return nil
    }
    return saturating([y.count, depth])
  }

  /// x: [steps, batch, inputs]; w: [directions, gates·hidden, inputs]; r: [directions, gates·hidden, hidden]
  func recurrent(gates: Int) -> Int? {
    guard let x = input(0), let w = input(1), let r = input(2), x.rank == 3, w.rank == 3, r.rank == 3 else { return nil }
    return saturating([x[0], x[1], w.count + r.count])
  }

  /// One product for each combination of all letters.
  func einsum() -> Int? {
    guard case .string(let bytes)? = node.attributes["equation"] else { return nil }
    let terms = String(decoding: bytes, as: UTF8.self).filter { $0 != " " }.split(separator: ">")[0]
      .filter { $0 != "-" }.split(separator: ",", omittingEmptySubsequences: false)
    guard terms.count > 1 else { return 0 }
    var extents: [Character: Int] = [:]
    for (index, term) in terms.enumerated() {
      guard let shape = input(index), shape.rank == term.count else { return nil }
      for (letter, extent) in zip(term, shape.dims) { extents[letter] = extent }
    }
    return saturating(Array(extents.values))
  }

  /// Queries with keys, then weights with values: each of the query's elements meets every key once, each of the
  /// result's every value.
  func attention() -> Int? {
    guard let q = input(0), let k = input(1), let y = output, k.rank > 2 else { return nil }
    return saturating([q.count + y.count, k.dims[k.rank - 2]])
  }

  private func saturating(_ factors: [Int]) -> Int {
    factors.reduce(1) { product, factor in
      let (next, overflow) = product.multipliedReportingOverflow(by: factor)
      return overflow ? .max : next
    }
  }
}
