import GraphIR
import Tensors

/// ONNX `BitShift`, `BitwiseAnd`, `BitwiseOr`, `BitwiseXor` and `BitwiseNot` on integers.
public struct Bitwise: Operator {
  public static let signatures =
    [Signature("BitShift", versions: 11...Signature.newestOpset)]
    + ["BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot"].map {
      Signature($0, versions: 18...Signature.newestOpset)
    }

  private enum Operation: Hashable { case and, or, xor, not, shiftLeft, shiftRight }

  private let operation: Operation

  public init(_ node: NodeReader) throws(OperatorError) {
    switch node.node.operatorName {
    case "BitwiseAnd": operation = .and
    case "BitwiseOr": operation = .or
    case "BitwiseXor": operation = .xor
    case "BitwiseNot": operation = .not
    default:
      switch try node.string("direction") {
      case "LEFT": operation = .shiftLeft
      case "RIGHT": operation = .shiftRight
      default: throw node.invalid("the attribute “direction” is neither LEFT nor RIGHT")
      }
    }
    let count = operation == .not ? 1 : 2
    try node.expectInputs(count...count)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let types = try context.inputs.indices.map { index throws(OperatorError) in try context.tensor(index) }
    let known = types.compactMap(\.dataType)
    for type in known where type != known[0] || !type.isInteger || type.elementByteCount == nil {
      throw context.invalid("the inputs are not integers of one type")
    }
    let dims = try Broadcasting.dims(types.map(\.dims), context)
    if let dims { try context.checkCount(dims, of: known.first) }
    return [.tensor(TensorType(known.first, dims))]
  }

  public func layout(_ context: LayoutContext) -> LayoutPolicy { .any }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let output = try context.output(0)
    let type = output.dataType
    guard type.isInteger, type.elementByteCount != nil else {
      throw context.unsupported("elements of type \(type) are not supported")
    }
    let inputs = try context.inputs.indices.map { index throws(OperatorError) in try context.input(index) }
    let strides = inputs.map { Broadcasting.strides(of: $0, over: output.shape) } + [output.strides]
    let space = StridedSpace(shape: output.shape.dims, strides: strides)
    let inPlace = inputs.indices.filter { inputs[$0].shape == output.shape && inputs[$0].layout == output.layout }
    let (operation, second) = (operation, inputs.count - 1)
    return Kernel(inPlaceInputs: Set(inPlace)) { operands in
      let (x, y, z) = (operands.rawInput(0), operands.rawInput(second), operands.rawOutput(0))
      let last = space.rank - 1
      let (xStep, yStep) = (space.strides[0][last], space.strides[second][last])
      let zStep = space.strides[second + 1][last]
      space.forEachOuterIndex { offsets in
        for k in 0..<space.shape[last] {
          let a = ElementAccess.integer(x, offsets[0] + k * xStep, type)
          let b = ElementAccess.integer(y, offsets[second] + k * yStep, type)
          ElementAccess.store(Self.apply(operation, a, b, type), z, offsets[second + 1] + k * zStep, type)
        }
      }
    }
  }

  /// Shifts by a negative number, or by the width and more, push every bit out.
  private static func apply(_ operation: Operation, _ a: Int64, _ b: Int64, _ type: DataType) -> Int64 {
    let isWithin = b >= 0 && b < Int64(type.bitWidth)
    switch operation {
    case .and: return a & b
    case .or: return a | b
    case .xor: return a ^ b
    case .not: return ~a
    case .shiftLeft: return isWithin ? a << b : 0
    case .shiftRight where type == .uint64: return isWithin ? Int64(bitPattern: UInt64(bitPattern: a) >> UInt64(b)) : 0
    case .shiftRight: return isWithin ? a >> b : a < 0 ? -1 : 0
    }
  }
}
