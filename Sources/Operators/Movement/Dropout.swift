import GraphIR
import Tensors

/// ONNX `Dropout`: at inference the input, and a mask that keeps everything.
///
/// In training (opset 12 and later, input 2) elements are dropped with the probability `ratio` (input 1), and those kept
/// divided by the probability of that. Which are dropped repeats from run to run; see `RandomNumbers`.
public struct Dropout: Operator {
  public static let signatures = [Signature("Dropout")]

  private let version: Int
  private let numbers: RandomNumbers

  public init(_ node: NodeReader) throws(OperatorError) {
    version = node.version
    try node.expectInputs(1...(version < 12 ? 1 : 3))
    // Here the seed is an integer.
    numbers = RandomNumbers(seed: try node.int("seed"), node)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let input = try context.tensor(0)
    if context.has(1) { _ = try context.elementType(1, in: DataType.floats) }
    if context.has(2) { _ = try context.elementType(2, in: [.bool]) }
    return [.tensor(input), .tensor(TensorType(version < 10 ? input.dataType : .bool, input.dims))]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let (input, output) = (try context.input(0), try context.output(0))
    let mask = context.outputs.count > 1 ? context.outputs[1] : nil
    let isInference = !context.has(2) || context.constant(2)?.integers == [0]
    if isInference, mask == nil { return .view(of: 0) }
    let (type, maskType) = (input.dataType, mask?.dataType ?? .bool)
    guard ElementAccess.supports(maskType), maskType.elementByteCount != nil else {
      throw context.unsupported("a mask of type \(maskType) is not supported")
    }
    let (byteCount, count, hasMask) = (output.byteCount, input.count, mask != nil)
    let ratioType = context.has(1) ? try context.input(1).dataType : nil
    let (numbers, failure) = (numbers, context.invalid("the ratio in input 1 is not from 0 up to but not including 1"))
    return Kernel(inPlaceInputs: [0]) { operands throws(OperatorError) in
      var ratio = 0.0
      if !isInference, ElementAccess.integer(operands.rawInput(2), 0, .bool) != 0 {
        ratio = ratioType.map { ElementAccess.double(operands.rawInput(1), 0, $0) } ?? 0.5
        guard ratio >= 0, ratio < 1 else { throw failure }
      }
      let (source, target) = (operands.rawInput(0), operands.rawOutput(0))
      if ratio == 0 {
        if source != UnsafeRawPointer(target) { target.copyMemory(from: source, byteCount: byteCount) }
      } else {
        for k in 0..<count {
          let isKept = numbers.uniform(k) >= ratio
          ElementAccess.store(isKept ? ElementAccess.double(source, k, type) / (1 - ratio) : 0, target, k, type)
        }
      }
      guard hasMask else { return }
      for k in 0..<count {
        ElementAccess.store(numbers.uniform(k) >= ratio ? 1 : 0 as Int64, operands.rawOutput(1), k, maskType)
      }
    }
  }
}
