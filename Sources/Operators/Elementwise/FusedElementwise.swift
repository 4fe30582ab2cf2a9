import GraphIR
import Tensors

/// A chain of elementwise operators run as one loop. Made by the compiler; it has no form in ONNX.
public struct FusedElementwise: ElementwiseOperator {
  public static let domain = "viseme"
  public static let name = "FusedElementwise"
  public static let signatures = [Signature(name, domain: domain)]

  /// One register in `outputs`, and as many inputs as the node.
  public let program: ElementwiseProgram
  /// float32, bool, or an integer type that a quantizer at the end gives.
  public let dataType: DataType
  public var computesIntegersAsFloats: Bool { true }

  public init(_ program: ElementwiseProgram, dataType: DataType = .float32) {
    precondition(program.outputs.count == 1)
    self.program = program
    self.dataType = dataType
  }

  public init(_ node: NodeReader) throws(OperatorError) {
    throw node.invalid("it is made by the compiler and cannot be read from a model")
  }

  public func emit(
    _ program: inout ElementwiseProgram, _ inputs: [ElementwiseProgram.Register]
  ) -> ElementwiseProgram.Register {
    program.append(self.program, inputs: inputs)[0]
  }

  public func outputType(_ inputs: [DataType?], _ context: InferenceContext) throws(OperatorError) -> DataType? {
    guard inputs.count == program.inputCount else {
      throw context.invalid("it has \(inputs.count) inputs, not the \(program.inputCount) of its program")
    }
    return dataType
  }
}
