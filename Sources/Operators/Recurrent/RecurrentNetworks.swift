import GraphIR
import Tensors

/// ONNX `LSTM`: long short-term memory over a sequence, in one direction or both.
public struct LSTM: Operator {
  public static let signatures = [Signature("LSTM")]
  let layer: RecurrentLayer

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(3...8)
    layer = try RecurrentLayer(
      node, cell: .lstm(couplesForget: node.bool("input_forget", default: false)), defaults: [.sigmoid, .tanh, .tanh])
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] { try layer.infer(context) }
  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Widening.kernel(self, context, of: Widening.floats) { return kernel }
    return try layer.kernel(context)
  }
}

/// ONNX `GRU`: gated recurrent units over a sequence, in one direction or both.
public struct GRU: Operator {
  public static let signatures = [Signature("GRU")]
  let layer: RecurrentLayer

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(3...6)
    layer = try RecurrentLayer(
      node, cell: .gru(resetsAfterProduct: node.bool("linear_before_reset", default: false)),
      defaults: [.sigmoid, .tanh])
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] { try layer.infer(context) }
  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Widening.kernel(self, context, of: Widening.floats) { return kernel }
    return try layer.kernel(context)
  }
}

/// ONNX `RNN`: a plain recurrent layer over a sequence, in one direction or both.
public struct RNN: Operator {
  public static let signatures = [Signature("RNN")]
  let layer: RecurrentLayer

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(3...6)
    layer = try RecurrentLayer(node, cell: .plain, defaults: [.tanh])
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] { try layer.infer(context) }
  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Widening.kernel(self, context, of: Widening.floats) { return kernel }
    return try layer.kernel(context)
  }
}
