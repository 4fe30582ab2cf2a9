import GraphIR
import Tensors

extension Expansion {
  /// Input `index` as floats, by the scale and the zero point in the two inputs behind it.
  mutating func dequantized(_ index: Int, axis: Int? = nil) throws(OperatorError) -> ValueID {
    try dequantized(index, scale: index + 1, zero: index + 2, axis: axis)
  }

  mutating func dequantized(_ index: Int, scale: Int, zero: Int, axis: Int? = nil) throws(OperatorError) -> ValueID {
    let inputs = [try input(index), try input(scale), optional(zero)]
    return apply(
      "DequantizeLinear", inputs[2] == nil ? Array(inputs.prefix(2)) : inputs, axis.map { ["axis": .int($0)] } ?? [:])
  }

  /// `value` quantized by the scale and the zero point in inputs `scale` and `scale + 1`.
  mutating func quantized(_ value: ValueID, scale: Int) throws(OperatorError) -> ValueID {
    let inputs = [value, try input(scale), optional(scale + 1)]
    return apply("QuantizeLinear", inputs[2] == nil ? Array(inputs.prefix(2)) : inputs)
  }
}

/// `com.microsoft` `QLinearAdd` and `QLinearMul`: of two quantized tensors, quantized again.
struct QLinearBinary: CompositeOperator {
  static let signatures = ["QLinearAdd", "QLinearMul"].map { Signature($0, domain: Contributed.domain) }

  init(_ node: NodeReader) throws(OperatorError) { try node.expectInputs(7...8) }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    let sides = [try expansion.dequantized(0), try expansion.dequantized(3)]
    let name = expansion.node.operatorName == "QLinearAdd" ? "Add" : "Mul"
    return [try expansion.quantized(expansion.apply(name, sides.map { $0 }), scale: 6)]
  }
}

/// `com.microsoft`'s quantized forms of operators with one tensor: x, its scale and zero point, scale and zero point of
/// the output.
struct QLinearUnary: CompositeOperator {
  private static let names = [
    "QLinearLeakyRelu": "LeakyRelu", "QLinearSigmoid": "Sigmoid", "QLinearSoftmax": "Softmax",
    "QLinearAveragePool": "AveragePool", "QLinearGlobalAveragePool": "GlobalAveragePool",
    "QLinearReduceMean": "ReduceMean",
  ]
  static let signatures = names.keys.sorted().map { Signature($0, domain: Contributed.domain) }

  private let name: String
  private let isChannelsLast: Bool
  private let attributes: [String: Attribute]

  init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(4...5)
    name = Self.names[node.node.operatorName] ?? ""
    isChannelsLast = try node.bool("channels_last", default: false)
    attributes = node.node.attributes.filter { !["channels_last", "opset", "axes"].contains($0.key) }
  }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    var x = try expansion.dequantized(0)
    if isChannelsLast { x = expansion.transpose(x, [0, 3, 1, 2]) }
    var inputs: [ValueID?] = [x]
    if name == "ReduceMean", case .ints(let axes)? = expansion.node.attributes["axes"] {
      inputs.append(expansion.constant(ints: axes))
    }
    var y = softmaxOfRows(inputs[0]!, &expansion) ?? expansion.apply(name, inputs, attributes)
    if isChannelsLast { y = expansion.transpose(y, [0, 2, 3, 1]) }
    return [try expansion.quantized(y, scale: 3)]
  }

  /// Softmax as it was before opset 13: over all axes from `axis` on together; nil for everything else.
  private func softmaxOfRows(_ x: ValueID, _ expansion: inout Expansion) -> ValueID? {
    guard name == "Softmax", case .int(let opset)? = expansion.node.attributes["opset"], opset < 13 else { return nil }
    let flat = expansion.apply("Flatten", [x], ["axis": attributes["axis"] ?? .int(1)])
    let y = expansion.apply("Softmax", [flat], ["axis": .int(-1)])
    return expansion.apply("Reshape", [y, expansion.apply("Shape", [x])])
  }
}

/// `com.microsoft` `QLinearConcat`: scale and zero point of the output, then tensor, scale and zero point of each input.
struct QLinearConcat: CompositeOperator {
  static let signatures = [Signature("QLinearConcat", domain: Contributed.domain)]

  private let axis: Int

  init(_ node: NodeReader) throws(OperatorError) {
    guard node.inputCount >= 5, node.inputCount % 3 == 2 else {
      throw node.invalid("has \(node.inputCount) inputs; 2 and 3 for each tensor are allowed")
    }
    guard let axis = try node.int("axis") else { throw node.invalid("the attribute “axis” is missing") }
    self.axis = axis
  }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    var parts: [ValueID?] = []
    for index in stride(from: 2, to: expansion.node.inputs.count, by: 3) {
      parts.append(try expansion.dequantized(index))
    }
    return [try expansion.quantized(expansion.apply("Concat", parts, ["axis": .int(axis)]), scale: 0)]
  }
}

/// `com.microsoft` `QLinearWhere`: condition, then both tensors with scale and zero point, then those of the output.
struct QLinearWhere: CompositeOperator {
  static let signatures = [Signature("QLinearWhere", domain: Contributed.domain)]

  init(_ node: NodeReader) throws(OperatorError) { try node.expectInputs(9...9) }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    let sides = [try expansion.input(0), try expansion.dequantized(1), try expansion.dequantized(4)]
    return [try expansion.quantized(expansion.apply("Where", sides.map { $0 }), scale: 7)]
  }
}

/// `com.microsoft` `QLinearConv`: ONNX's, or the same with the channels last.
struct ContributedQLinearConv: CompositeOperator {
  static let signatures = [Signature("QLinearConv", domain: Contributed.domain)]

  private let isChannelsLast: Bool
  private let attributes: [String: Attribute]

  init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(8...9)
    isChannelsLast = try node.bool("channels_last", default: false)
    attributes = node.node.attributes.filter { $0.key != "channels_last" }
  }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    var inputs = expansion.node.inputs
    if isChannelsLast { inputs[0] = expansion.transpose(try expansion.input(0), [0, 3, 1, 2]) }
    let y = expansion.apply("QLinearConv", inputs, attributes)
    return [isChannelsLast ? expansion.transpose(y, [0, 2, 3, 1]) : y]
  }
}

/// `com.microsoft` `QGemm`: alpha · A' B' + C of quantized matrices, as floats, or quantized if a scale for the output
/// is given. C holds int32 whose scale is alpha times those of A and B.
struct QGemm: CompositeOperator {
  static let signatures = [Signature("QGemm", domain: Contributed.domain)]

  private let alpha: Float
  private let transposes: (a: Bool, b: Bool)

  init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(6...9)
    alpha = try node.float("alpha", default: 1)
    transposes = (try node.bool("transA", default: false), try node.bool("transB", default: false))
  }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    var (a, b) = (try expansion.input(0), try expansion.input(3))
    if transposes.a { a = expansion.transpose(a, [1, 0]) }
    if transposes.b { b = expansion.transpose(b, [1, 0]) }
    var sums = expansion.apply("MatMulInteger", [a, b, expansion.optional(2), expansion.optional(5)])
    if let c = expansion.optional(6) { sums = expansion.add(sums, c) }
    var scale = expansion.multiply(try expansion.input(1), try expansion.input(4))
    if alpha != 1 { scale = expansion.multiply(scale, expansion.constant(alpha)) }
    let y = expansion.multiply(expansion.cast(sums, to: .float32), scale)
    return [expansion.has(7) ? try expansion.quantized(y, scale: 7) : y]
  }
}
