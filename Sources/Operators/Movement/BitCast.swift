import GraphIR
import Tensors

/// ONNX `BitCast`: the same bits read as another type of the same width.
public struct BitCast: Operator {
  public static let signatures = [Signature("BitCast", versions: 26...Signature.newestOpset)]

  private let dataType: DataType

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    guard let number = try node.int("to"), let type = Int32(exactly: number).flatMap(DataType.init(rawValue:)),
      type != .string
    else { throw node.invalid("the attribute “to” names no type of numbers") }
    dataType = type
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let input = try context.tensor(0)
    if let type = input.dataType, type.bitWidth != dataType.bitWidth {
      throw context.invalid("\(type) and \(dataType) have different widths")
    }
    return [.tensor(TensorType(dataType, input.dims))]
  }

  public func layout(_ context: LayoutContext) -> LayoutPolicy { .any }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    guard try context.input(0).layout == context.output(0).layout else {
      throw context.unsupported("the layouts differ")
    }
    return .view(of: 0)
  }
}
