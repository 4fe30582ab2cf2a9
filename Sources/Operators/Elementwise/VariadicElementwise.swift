import CKernels
import GraphIR
import Tensors

/// ONNX `Max`, `Min`, `Sum` and `Mean` of any number of inputs, which broadcast since opset 8.
public struct VariadicElementwise: ElementwiseOperator {
  public static let signatures = ["Max", "Min", "Sum", "Mean"].map { Signature($0) }

  private let operation: vz_eltwise_op
  private let isMean: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...Int.max)
    for index in 0..<node.inputCount where !node.hasInput(index) { throw node.invalid("input \(index) is missing") }
    switch node.node.operatorName {
    case "Max": operation = VZ_ELTWISE_MAX
    case "Min": operation = VZ_ELTWISE_MIN
    default: operation = VZ_ELTWISE_ADD
    }
    isMean = node.node.operatorName == "Mean"
  }

  public func emit(
    _ program: inout ElementwiseProgram, _ inputs: [ElementwiseProgram.Register]
  ) -> ElementwiseProgram.Register {
    var result = inputs[0]
    for input in inputs.dropFirst() { result = program.apply(operation, result, input) }
    return isMean ? program.apply(VZ_ELTWISE_DIV, result, program.constant(Float(inputs.count))) : result
  }
}
