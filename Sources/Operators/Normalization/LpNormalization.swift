import GraphIR
import Tensors

/// ONNX `LpNormalization`: the input divided by its 1-norm or 2-norm along an axis; where that is 0, the output is 0.
public struct LpNormalization: Operator {
  public static let signatures = [Signature("LpNormalization")]

  private let axis: Int
  private let isEuclidean: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    axis = try node.int("axis", default: -1)
    let p = try node.int("p", default: 2)
    guard p == 1 || p == 2 else { throw node.invalid("attribute “p” is \(p); 1 and 2 are allowed") }
    isEuclidean = p == 2
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.elementType(0, in: DataType.floats)
    let dims = try context.tensor(0).dims
    if let dims { _ = try context.axis(axis, rank: dims.count) }
    return [.tensor(TensorType(type, dims))]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let input = try context.input(0)
    let (type, shape) = (input.dataType, input.shape)
    let axis = try context.axis(axis, rank: shape.rank)
    let (outer, length, inner) = (shape.count(0..<axis), shape[axis], shape.count((axis + 1)..<shape.rank))
    let isEuclidean = isEuclidean
    return .tasks(outer, threads: context.target.threads, inPlaceInputs: [0]) { operands, o, _ in
      let (source, target) = (operands.rawInput(0), operands.rawOutput(0))
      for i in 0..<inner {
        let first = o * length * inner + i
        var norm = 0.0
        for k in 0..<length {
          let value = ElementAccess.double(source, first + k * inner, type)
          norm += isEuclidean ? value * value : value.magnitude
        }
        if isEuclidean { norm = norm.squareRoot() }
        for k in 0..<length {
          let value = ElementAccess.double(source, first + k * inner, type)
          ElementAccess.store(norm == 0 ? 0 : value / norm, target, first + k * inner, type)
        }
      }
    }
  }
}
