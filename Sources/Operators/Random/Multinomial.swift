import GraphIR
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// ONNX `Multinomial`: classes drawn by logarithms of probabilities `[batch, classes]`, which need not be normalized.
///
/// Draws repeat from run to run; see `RandomNumbers`.
public struct Multinomial: Operator {
  public static let signatures = [Signature("Multinomial", versions: 7...Signature.newestOpset)]

  private let numbers: RandomNumbers
  private let dataType: DataType
  private let drawCount: Int

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    dataType = try node.dataType("dtype", in: [.int32, .int64]) ?? .int32
    drawCount = try node.int("sample_size", default: 1)
    guard drawCount >= 0 else { throw node.invalid("attribute “sample_size” is \(drawCount)") }
    numbers = try RandomNumbers(node)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    _ = try context.elementType(0, in: DataType.floats)
    let dims = try context.dims(0, rank: 2...2)
    if let classes = dims?[1].value, classes == 0, drawCount > 0 { throw context.invalid("there are no classes to draw") }
    return [try context.outputType(dataType, [dims?[0] ?? .unknown, .fixed(drawCount)])]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let input = try context.input(0)
    let (type, batch, classes) = (input.dataType, input.shape[0], input.shape[1])
    let (drawCount, numbers, outputType) = (drawCount, numbers, dataType)
    return .tasks(batch, threads: context.target.threads, scratchPerWorker: classes * 8) { operands, row, scratch in
      let sums = scratch!.assumingMemoryBound(to: Double.self)
      var greatest = -Double.infinity
      for c in 0..<classes {
        sums[c] = ElementAccess.double(operands.rawInput(0), row * classes + c, type)
        greatest = max(greatest, sums[c])
      }
      var sum = 0.0
      for c in 0..<classes {
        sum += greatest.isFinite ? exp(sums[c] - greatest) : 1
        sums[c] = sum
      }
      for draw in 0..<drawCount {
        let place = row * drawCount + draw
        let bound = numbers.uniform(place) * sum
        // The first class whose sum of probabilities is above the bound.
        var (low, high) = (0, classes - 1)
        while low < high {
          let middle = (low + high) / 2
          if sums[middle] > bound { high = middle } else { low = middle + 1 }
        }
        ElementAccess.store(Int64(low), operands.rawOutput(0), place, outputType)
      }
    }
  }
}
