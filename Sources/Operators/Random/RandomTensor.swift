import GraphIR
import Tensors

/// ONNX `RandomNormal`, `RandomUniform`, and their `…Like` forms: tensors of random numbers.
///
/// Numbers repeat from run to run; see `RandomNumbers`.
public struct RandomTensor: Operator {
  public static let signatures = ["RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"].map {
    Signature($0)
  }

  private let numbers: RandomNumbers
  private let isNormal: Bool
  /// `center + spread · number`.
  private let center: Double
  private let spread: Double
  /// Nil for the type of the input.
  private let dataType: DataType?
  /// Nil for the shape of the input.
  private let shape: [Int]?

  public init(_ node: NodeReader) throws(OperatorError) {
    let isLike = node.node.operatorName.hasSuffix("Like")
    try node.expectInputs(isLike ? 1...1 : 0...0)
    isNormal = node.node.operatorName.hasPrefix("RandomNormal")
    let type = try node.dataType("dtype", in: DataType.floats)
    if isLike {
      (shape, dataType) = (nil, type)
    } else {
      guard let extents = try node.ints("shape"), extents.allSatisfy({ $0 >= 0 }) else {
        throw node.invalid("the attribute “shape” is missing or has a negative extent")
      }
      (shape, dataType) = (extents, type ?? .float32)
    }
    if isNormal {
      center = Double(try node.float("mean", default: 0))
      spread = Double(try node.float("scale", default: 1))
    } else {
      center = Double(try node.float("low", default: 0))
      spread = Double(try node.float("high", default: 1)) - center
    }
    numbers = try RandomNumbers(node)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    if let shape { return [try context.outputType(dataType, shape.map { .fixed($0) })] }
    let input = try context.tensor(0)
    if dataType == nil { _ = try context.elementType(0, in: DataType.floats) }
    return [try context.outputType(dataType ?? input.dataType, input.dims)]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let output = try context.output(0)
    let (type, count) = (output.dataType, output.count)
    let (numbers, isNormal, center, spread) = (numbers, isNormal, center, spread)
    return Kernel(unreadInputs: shape == nil ? [0] : []) { operands in
      let target = operands.rawOutput(0)
      for k in 0..<count {
        ElementAccess.store(center + spread * (isNormal ? numbers.normal(k) : numbers.uniform(k)), target, k, type)
      }
    }
  }
}
