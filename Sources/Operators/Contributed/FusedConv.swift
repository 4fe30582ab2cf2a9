import GraphIR
import Tensors

/// `com.microsoft` `FusedConv`: a convolution, an optional summand (input 3), and an activation.
struct FusedConv: CompositeOperator {
  static let signatures = [Signature("FusedConv", domain: Contributed.domain)]

  private let attributes: [String: Attribute]
  private let activation: FusedActivation?

  init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(2...4)
    activation = try FusedActivation(node, parameters: try node.floats("activation_params") ?? [])
    attributes = node.node.attributes.filter { !$0.key.hasPrefix("activation") }
  }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    let inputs = [try expansion.input(0), try expansion.input(1), expansion.optional(2)]
    var y = expansion.apply("Conv", inputs[2] == nil ? Array(inputs.prefix(2)) : inputs, attributes)
    if let summand = expansion.optional(3) { y = expansion.add(y, summand) }
    return [activation?.apply(to: y, &expansion) ?? y]
  }
}

/// `com.microsoft` `FusedGemm`: a `Gemm` and an activation.
struct FusedGemm: CompositeOperator {
  static let signatures = [Signature("FusedGemm", domain: Contributed.domain)]

  private let attributes: [String: Attribute]
  private let activation: FusedActivation?

  init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(2...3)
    var parameters: [Float] = []
    for name in ["activation_alpha", "activation_beta", "activation_gamma"] {
      guard let value = try node.float(name) else { break }
      parameters.append(value)
    }
    activation = try FusedActivation(node, parameters: parameters)
    attributes = node.node.attributes.filter { !$0.key.hasPrefix("activation") }
  }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    let y = expansion.apply("Gemm", expansion.node.inputs, attributes)
    return [activation?.apply(to: y, &expansion) ?? y]
  }
}

/// The activation that a fused operator names in its attribute `activation`.
struct FusedActivation: Hashable, Sendable {
  private let name: String
  private let parameters: [Float]

  /// Nil when the attribute is absent or empty.
  init?(_ node: NodeReader, parameters: [Float]) throws(OperatorError) {
    let name = try node.string("activation", default: "")
    guard !name.isEmpty else { return nil }
    let counts = ["Relu": 0, "Tanh": 0, "Sigmoid": 0, "HardSwish": 0, "Softplus": 0, "Softsign": 0, "LeakyRelu": 1,
      "Elu": 1, "HardSigmoid": 2, "Clip": 2, "ScaledTanh": 2, "ThresholdedRelu": 1]
    guard let count = counts[name] else { throw node.unsupported("the activation “\(name)” is not implemented") }
    guard parameters.isEmpty || parameters.count >= count else {
      throw node.invalid("the activation \(name) has \(parameters.count) parameters instead of \(count)")
    }
    self.name = name
    self.parameters = parameters
  }

  func apply(to x: ValueID, _ expansion: inout Expansion) -> ValueID {
    switch name {
    case "LeakyRelu", "Elu", "ThresholdedRelu":
      return expansion.apply(name, [x], parameters.first.map { ["alpha": .float($0)] } ?? [:])
    case "HardSigmoid":
      return expansion.apply(
        name, [x], parameters.count >= 2 ? ["alpha": .float(parameters[0]), "beta": .float(parameters[1])] : [:])
    case "Clip":
      guard parameters.count >= 2 else { return x }
      return expansion.apply("Clip", [x, expansion.constant(parameters[0]), expansion.constant(parameters[1])])
    case "ScaledTanh":
      let (outer, inner) = parameters.count >= 2 ? (parameters[0], parameters[1]) : (1, 1)
      let scaled = expansion.multiply(x, expansion.constant(inner))
      return expansion.multiply(expansion.apply("Tanh", [scaled]), expansion.constant(outer))
    default: return expansion.apply(name, [x])
    }
  }
}
