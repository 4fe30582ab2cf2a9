import GraphIR
import Tensors

/// ONNX `Bernoulli`: 1 with the probability that the input says, else 0.
///
/// Numbers repeat from run to run; see `RandomNumbers`.
public struct Bernoulli: Operator {
  public static let signatures = [Signature("Bernoulli", versions: 15...Signature.newestOpset)]

  private let numbers: RandomNumbers
  private let dataType: DataType?

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    dataType = try node.dataType("dtype", in: DataType.numbers.union([.bool]))
    numbers = try RandomNumbers(node)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.elementType(0, in: DataType.floats)
    return [try context.outputType(dataType ?? type, try context.tensor(0).dims)]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let (input, output) = (try context.input(0), try context.output(0))
    let (from, to, count, numbers) = (input.dataType, output.dataType, input.count, numbers)
    return Kernel { operands in
      for k in 0..<count {
        let isOne = numbers.uniform(k) < ElementAccess.double(operands.rawInput(0), k, from)
        ElementAccess.store(isOne ? 1 : 0 as Int64, operands.rawOutput(0), k, to)
      }
    }
  }
}
