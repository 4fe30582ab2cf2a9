import GraphIR
import Tensors

/// `com.microsoft` `DynamicQuantizeLSTM`: `LSTM` whose weights are quantized, and transposed as products want them.
///
/// Inputs and states are quantized by their range before products: the input at once, the states at every step. The
/// products are those of integers up to the rounding of float32.
struct DynamicQuantizeLSTM: CompositeOperator {
  static let signatures = [Signature("DynamicQuantizeLSTM", domain: Contributed.domain)]

  init(_ node: NodeReader) throws(OperatorError) { try node.expectInputs(12...12) }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    func weights(_ index: Int, scale: Int, _ expansion: inout Expansion) throws(OperatorError) -> ValueID {
      // One scale for each direction, or for each of its columns.
      let axes = try expansion.rank(scale) == 1 ? [1, 2] : [1]
      var value = expansion.cast(try expansion.input(index), to: .float32)
      let zero = expansion.unsqueeze(expansion.cast(try expansion.input(scale + 1), to: .float32), axes)
      value = expansion.apply("Sub", [value, zero])
      value = expansion.multiply(value, expansion.unsqueeze(try expansion.input(scale), axes))
      return expansion.transpose(value, [0, 2, 1])
    }
    let w = try weights(1, scale: 8, &expansion), r = try weights(2, scale: 10, &expansion)
    let levels = expansion.apply("DynamicQuantizeLinear", [try expansion.input(0)], outputs: 3)
    let x = expansion.apply("DequantizeLinear", [levels[0], levels[1], levels[2]])
    var inputs: [ValueID?] = [x, w, r]
    for index in 3..<8 { inputs.append(expansion.optional(index)) }
    return expansion.apply(
      RoundedStateLSTM.name, domain: RoundedStateLSTM.domain, inputs, expansion.node.attributes, outputs: 3)
  }
}

/// `LSTM` whose states are rounded to eight bits before every product; only `DynamicQuantizeLSTM` makes it.
struct RoundedStateLSTM: Operator {
  static let name = "RoundedStateLSTM", domain = "viseme"
  static let signatures = [Signature(name, domain: domain)]
  private let layer: RecurrentLayer

  init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(3...8)
    layer = try RecurrentLayer(
      node, cell: .lstm(couplesForget: node.bool("input_forget", default: false)), defaults: [.sigmoid, .tanh, .tanh],
      roundsState: true)
  }

  func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] { try layer.infer(context) }
  func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel { try layer.kernel(context) }
}
