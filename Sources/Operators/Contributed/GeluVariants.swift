import GraphIR
import Tensors

/// `com.microsoft` `Gelu`, `BiasGelu` and `FastGelu`: the sum of one or two inputs, then Gelu, in `FastGelu` by tanh.
struct BiasGelu: CompositeOperator {
  static let signatures = ["Gelu", "BiasGelu", "FastGelu"].map { Signature($0, domain: Contributed.domain) }

  init(_ node: NodeReader) throws(OperatorError) { try node.expectInputs(1...2) }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    var x = try expansion.input(0)
    if let bias = expansion.optional(1) { x = expansion.add(x, bias) }
    let isFast = expansion.node.operatorName == "FastGelu"
    return [expansion.apply("Gelu", [x], ["approximate": .string(Array((isFast ? "tanh" : "none").utf8))])]
  }
}

/// `com.microsoft` `QuickGelu`: x · sigmoid(alpha · x).
struct QuickGelu: CompositeOperator {
  static let signatures = [Signature("QuickGelu", domain: Contributed.domain)]

  private let alpha: Float

  init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    alpha = try node.float("alpha", default: 1.702)
  }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    let x = try expansion.input(0)
    let scaled = alpha == 1 ? x : expansion.multiply(x, try expansion.constant(alpha, like: 0))
    return [expansion.multiply(x, expansion.apply("Sigmoid", [scaled]))]
  }
}

/// `com.microsoft` `BiasSplitGelu`: left half · Gelu(right half) of x + bias, along the last axis.
struct BiasSplitGelu: CompositeOperator {
  static let signatures = [Signature("BiasSplitGelu", domain: Contributed.domain)]

  init(_ node: NodeReader) throws(OperatorError) { try node.expectInputs(2...2) }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    let sum = expansion.add(try expansion.input(0), try expansion.input(1))
    let halves = expansion.apply("Split", [sum], ["axis": .int(-1), "num_outputs": .int(2)], outputs: 2)
    return [expansion.multiply(halves[0], expansion.apply("Gelu", [halves[1]]))]
  }
}

/// `com.microsoft` `BiasAdd`: x + bias + skip.
struct BiasAdd: CompositeOperator {
  static let signatures = [Signature("BiasAdd", domain: Contributed.domain)]

  init(_ node: NodeReader) throws(OperatorError) { try node.expectInputs(3...3) }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    let sum = expansion.add(try expansion.input(0), try expansion.input(1))
    return [expansion.add(sum, try expansion.input(2))]
  }
}
