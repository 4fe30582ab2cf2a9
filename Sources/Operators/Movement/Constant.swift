import GraphIR
import Tensors

/// ONNX `Constant`: a tensor that the node carries.
public struct Constant: Operator {
  public static let signatures = [Signature("Constant")]

  public let value: Tensor

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(0...0)
    if let tensor = try node.tensor("value") {
      value = tensor
    } else if let number = try node.float("value_float") {
      value = Tensor(scalar: number)
    } else if let numbers = try node.floats("value_floats") {
      value = Tensor(numbers)
    } else if let number = try node.int("value_int") {
      value = Tensor(scalar: Int64(number))
    } else if let numbers = try node.ints("value_ints") {
      value = Tensor(numbers.map(Int64.init))
    } else if let text = try node.string("value_string") {
      value = Tensor(strings: [text], shape: [])
    } else if case .strings(let texts) = node.node.attributes["value_strings"] {
      value = Tensor(strings: texts.map { String(decoding: $0, as: UTF8.self) })
    } else if node.has("sparse_value") {
      throw node.unsupported("sparse constants are not supported")
    } else {
      throw node.invalid("it carries no value")
    }
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    [.tensor(TensorType(value.dataType, value.shape))]
  }

  public func fold(_ context: InferenceContext) throws(OperatorError) -> [Tensor]? { [value] }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    guard value.dataType != .string else { throw context.unsupported("strings are not supported") }
    let value = value
    return Kernel { operands in
      value.withUnsafeBytes { bytes in
        if let base = bytes.baseAddress { operands.rawOutput(0).copyMemory(from: base, byteCount: bytes.count) }
      }
    }
  }
}
