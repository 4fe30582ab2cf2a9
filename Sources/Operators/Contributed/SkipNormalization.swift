import GraphIR
import Tensors

/// `com.microsoft` `SkipLayerNormalization` and `SkipSimplifiedLayerNormalization`: input + skip + bias, normalized over
/// the last axis. The last output is the sum.
struct SkipNormalization: CompositeOperator {
  static let signatures = ["SkipLayerNormalization", "SkipSimplifiedLayerNormalization"].map {
    Signature($0, domain: Contributed.domain)
  }

  private let isSimplified: Bool
  private let epsilon: Float

  init(_ node: NodeReader) throws(OperatorError) {
    isSimplified = node.node.operatorName == "SkipSimplifiedLayerNormalization"
    try node.expectInputs(3...(isSimplified ? 4 : 5))
    epsilon = try node.float("epsilon", default: 1e-12)
  }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    var sum = expansion.add(try expansion.input(0), try expansion.input(1))
    let gamma = try expansion.input(2)
    if let bias = expansion.optional(isSimplified ? 3 : 4) { sum = expansion.add(sum, bias) }
    let attributes: [String: Attribute] = ["axis": .int(-1), "epsilon": .float(epsilon)]
    if isSimplified { return [expansion.apply("RMSNormalization", [sum, gamma], attributes), nil, nil, sum] }
    let beta = expansion.optional(3)
    let inputs: [ValueID?] = beta == nil ? [sum, gamma] : [sum, gamma, beta]
    var results = expansion.apply("LayerNormalization", inputs, attributes, outputs: 3)
    results.append(sum)
    return results
  }
}

/// ONNX Runtime's `SimplifiedLayerNormalization`, which it writes into ONNX's own domain: `RMSNormalization`.
struct SimplifiedLayerNormalization: CompositeOperator {
  static let signatures = ["", Contributed.domain].map { Signature("SimplifiedLayerNormalization", domain: $0) }

  private let attributes: [String: Attribute]

  init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(2...2)
    attributes = [
      "axis": .int(try node.int("axis", default: -1)), "epsilon": .float(try node.float("epsilon", default: 1e-5)),
    ]
  }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    [expansion.apply("RMSNormalization", [try expansion.input(0), try expansion.input(1)], attributes)]
  }
}
