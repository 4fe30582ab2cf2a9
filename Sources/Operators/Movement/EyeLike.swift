import GraphIR
import Tensors

/// ONNX `EyeLike`: a matrix of the input's shape with ones on a diagonal.
public struct EyeLike: Operator {
  public static let signatures = [Signature("EyeLike", versions: 9...Signature.newestOpset)]

  private let dataType: DataType?
  private let diagonal: Int

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    diagonal = try node.int("k", default: 0)
    dataType = try Self.type(node)
  }

  private static func type(_ node: NodeReader) throws(OperatorError) -> DataType? {
    guard let number = try node.int("dtype") else { return nil }
    guard let type = Int32(exactly: number).flatMap(DataType.init(rawValue:)), ElementAccess.supports(type) else {
      throw node.invalid("the attribute “dtype” names no type of numbers")
    }
    return type
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let input = try context.tensor(0)
    if let rank = input.dims?.count, rank != 2 { throw context.invalid("the input has rank \(rank), not 2") }
    return [.tensor(TensorType(dataType ?? input.dataType, input.dims))]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let output = try context.output(0)
    let type = output.dataType
    let (rows, columns, byteCount) = (output.shape[0], output.shape[1], output.byteCount)
    // Beyond every tensor's edge, and far from overflow.
    let diagonal = min(max(diagonal, -1 << 40), 1 << 40)
    return Kernel(unreadInputs: [0]) { operands in
      let target = operands.rawOutput(0)
      target.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
      for row in 0..<rows where (0..<columns).contains(row + diagonal) {
        ElementAccess.store(1 as Int64, target, row * columns + row + diagonal, type)
      }
    }
  }
}
