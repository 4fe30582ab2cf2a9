import CKernels
import GraphIR
import Tensors

/// ONNX `CumSum` and `CumProd`: running sums and products along an axis.
public struct CumSum: Operator {
  public static let signatures = [
    Signature("CumSum", versions: 11...Signature.newestOpset),
    Signature("CumProd", versions: 26...Signature.newestOpset),
  ]

  private let isProduct: Bool
  private let isExclusive: Bool
  private let isReverse: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(2...2)
    isProduct = node.node.operatorName == "CumProd"
    isExclusive = try node.bool("exclusive", default: false)
    isReverse = try node.bool("reverse", default: false)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let input = try context.tensor(0)
    if let rank = input.dims?.count, let axes = try context.integers(1) {
      guard axes.count == 1 else { throw context.invalid("the axis must be one number") }
      _ = try context.axis(axes[0], rank: rank)
    }
    return [.tensor(input)]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let input = try context.input(0)
    let (type, shape) = (input.dataType, input.shape)
    guard ElementAccess.supports(type) else { throw context.unsupported("elements of type \(type) are not supported") }
    guard let given = context.constant(1)?.integers?.first else {
      throw context.unsupported("the axis is not known before the run")
    }
    let axis = try context.axis(given, rank: shape.rank)
    let (outer, length, inner) = (shape.count(0..<axis), shape[axis], shape.count((axis + 1)..<shape.rank))
    let (isExclusive, isReverse, isProduct) = (isExclusive, isReverse, isProduct)
    if type == .float32, !isProduct {
      return Kernel(inPlaceInputs: [0], unreadInputs: [1]) { operands in
        vz_cumsum_f32(
          operands.exec, isExclusive, isReverse, outer, length, inner, operands.input(0), operands.output(0))
      }
    }
    return Kernel(inPlaceInputs: [0], unreadInputs: [1]) { operands in
      let (source, target) = (operands.rawInput(0), operands.rawOutput(0))
      for o in 0..<outer {
        for i in 0..<inner {
          var (real, integer): (Double, Int64) = isProduct ? (1, 1) : (0, 0)
          for step in 0..<length {
            let k = isReverse ? length - 1 - step : step
            let place = (o * length + k) * inner + i
            if type.isFloatingPoint {
              let value = ElementAccess.double(source, place, type)
              let next = isProduct ? real * value : real + value
              ElementAccess.store(isExclusive ? real : next, target, place, type)
              real = next
            } else {
              let value = ElementAccess.integer(source, place, type)
              let next = isProduct ? integer &* value : integer &+ value
              ElementAccess.store(isExclusive ? integer : next, target, place, type)
              integer = next
            }
          }
        }
      }
    }
  }
}
