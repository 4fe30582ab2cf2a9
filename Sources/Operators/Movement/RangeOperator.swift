import GraphIR
import Tensors

/// ONNX `Range`: numbers from `start` up to but not including `limit`, `delta` apart.
public struct RangeOperator: Operator {
  public static let signatures = [Signature("Range", versions: 11...Signature.newestOpset)]

  public init(_ node: NodeReader) throws(OperatorError) { try node.expectInputs(3...3) }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let types = try [0, 1, 2].map { index throws(OperatorError) in try context.tensor(index) }
    let type = types.lazy.compactMap(\.dataType).first
    for other in types where other.dataType != nil && other.dataType != type {
      throw context.invalid("start, limit and delta have different types")
    }
    for other in types where other.shape != nil && other.shape?.checkedCount != 1 {
      throw context.invalid("start, limit and delta must be scalars")
    }
    guard let start = context.constant(0), let limit = context.constant(1), let delta = context.constant(2) else {
      return [.tensor(TensorType(type, [.unknown]))]
    }
    let dims = [Dimension.fixed(try count(start, limit, delta, context))]
    try context.checkCount(dims, of: type)
    return [.tensor(TensorType(type, dims))]
  }

  private func count(
    _ start: Tensor, _ limit: Tensor, _ delta: Tensor, _ context: InferenceContext
  ) throws(OperatorError) -> Int {
    let tooLong = context.invalid("the range is too long")
    guard ElementAccess.supports(start.dataType) else { throw context.unsupported("the type is not supported") }
    if start.dataType.isInteger {
      let (first, last, step) = (Self.integer(start), Self.integer(limit), Self.integer(delta))
      guard step != 0 else { throw context.invalid("delta is 0") }
      let (distance, overflow) = last.subtractingReportingOverflow(first)
      guard !overflow else { throw tooLong }
      guard (distance > 0) == (step > 0), distance != 0 else { return 0 }
      return Int((distance.magnitude - 1) / step.magnitude + 1)
    }
    let steps = (Self.double(limit) - Self.double(start)) / Self.double(delta)
    guard !steps.isNaN else { throw context.invalid("start, limit and delta make no range") }
    guard steps < 0x1p53 else { throw tooLong }
    return max(Int(max(steps, 0).rounded(.up)), 0)
  }

  private static func integer(_ tensor: Tensor) -> Int64 {
    tensor.withUnsafeBytes { ElementAccess.integer($0.baseAddress!, 0, tensor.dataType) }
  }

  private static func double(_ tensor: Tensor) -> Double {
    tensor.withUnsafeBytes { ElementAccess.double($0.baseAddress!, 0, tensor.dataType) }
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let output = try context.output(0)
    let (type, count) = (output.dataType, output.count)
    guard ElementAccess.supports(type) else { throw context.unsupported("elements of type \(type) are not supported") }
    return Kernel { operands in
      let (start, delta, target) = (operands.rawInput(0), operands.rawInput(2), operands.rawOutput(0))
      if type.isFloatingPoint {
        let (first, step) = (ElementAccess.double(start, 0, type), ElementAccess.double(delta, 0, type))
        for k in 0..<count { ElementAccess.store(first + Double(k) * step, target, k, type) }
      } else {
        let (first, step) = (ElementAccess.integer(start, 0, type), ElementAccess.integer(delta, 0, type))
        for k in 0..<count { ElementAccess.store(first &+ Int64(k) &* step, target, k, type) }
      }
    }
  }
}
