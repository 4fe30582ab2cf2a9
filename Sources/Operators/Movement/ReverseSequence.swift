import GraphIR
import Tensors

/// ONNX `ReverseSequence`: the first elements of every sequence of a batch in reverse order.
public struct ReverseSequence: Operator {
  public static let signatures = [Signature("ReverseSequence", versions: 10...Signature.newestOpset)]

  private let batchAxis: Int
  private let timeAxis: Int

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(2...2)
    batchAxis = try node.int("batch_axis", default: 1)
    timeAxis = try node.int("time_axis", default: 0)
    guard Set([batchAxis, timeAxis]) == [0, 1] else {
      throw node.invalid("“batch_axis” and “time_axis” are \(batchAxis) and \(timeAxis); one must be 0 and the other 1")
    }
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let input = try context.tensor(0)
    _ = try context.elementType(1, in: [.int64])
    guard let dims = try context.dims(0, rank: 2...Int.max) else { return [.tensor(input)] }
    try context.expectVector(1, count: dims[batchAxis])
    return [.tensor(input)]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let input = try context.input(0)
    let shape = input.shape
    let rowByteCount = shape.count(2..<shape.rank) * (try context.movableByteCount(input.dataType))
    let (batchAxis, batch, times) = (batchAxis, shape[batchAxis], shape[timeAxis])
    let failure = context.invalid("a length in input 1 is negative or longer than the \(times) elements of a sequence")
    return Kernel { operands throws(OperatorError) in
      let (source, target) = (operands.rawInput(0), operands.rawOutput(0))
      let lengths = operands.input(1, as: Int64.self)
      for b in 0..<batch {
        guard 0...times ~= Int(lengths[b]) else { throw failure }
        let length = Int(lengths[b])
        func row(_ t: Int) -> Int { (batchAxis == 0 ? b * times + t : t * batch + b) * rowByteCount }
        for t in 0..<times {
          (target + row(t)).copyMemory(from: source + row(t < length ? length - 1 - t : t), byteCount: rowByteCount)
        }
      }
    }
  }
}
