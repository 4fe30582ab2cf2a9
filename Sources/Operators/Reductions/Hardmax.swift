import GraphIR
import Tensors

/// ONNX `Hardmax`: 1 at the first largest element along an axis, 0 elsewhere.
///
/// Before opset 13, all axes from the given one on are one long axis.
public struct Hardmax: Operator {
  public static let signatures = [Signature("Hardmax")]

  private let axis: Int
  private let flattens: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    flattens = node.version < 13
    axis = try node.int("axis", default: flattens ? 1 : -1)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let input = try context.tensor(0)
    if let rank = input.dims?.count { _ = try first(rank: rank, context) }
    return [.tensor(input)]
  }

  private func first(rank: Int, _ context: some Diagnosing) throws(OperatorError) -> Int {
    if flattens, axis == rank { return rank }
    return try context.axis(axis, rank: rank)
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let input = try context.input(0)
    let (type, shape) = (input.dataType, input.shape)
    guard ElementAccess.supports(type) else { throw context.unsupported("elements of type \(type) are not supported") }
    let axis = try first(rank: shape.rank, context)
    let end = flattens ? shape.rank : axis + 1
    let (outer, length, inner) = (shape.count(0..<axis), shape.count(axis..<end), shape.count(end..<shape.rank))
    return Kernel { operands in
      let (source, target) = (operands.rawInput(0), operands.rawOutput(0))
      guard length > 0 else { return }
      for o in 0..<outer {
        for i in 0..<inner {
          var (best, bestKey) = (0, UInt64.max)
          for k in 0..<length {
            let place = (o * length + k) * inner + i
            let key = SortKey.of(source, place, type, descending: true)
            if key < bestKey { (best, bestKey) = (k, key) }
            ElementAccess.store(0 as Int64, target, place, type)
          }
          ElementAccess.store(1 as Int64, target, (o * length + best) * inner + i, type)
        }
      }
    }
  }
}
