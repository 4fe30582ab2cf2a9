import GraphIR
import Tensors

/// ONNX `Trilu`: matrices with the elements below (or above) a diagonal replaced by zeros.
public struct Trilu: Operator {
  public static let signatures = [Signature("Trilu", versions: 14...Signature.newestOpset)]

  private let keepsUpper: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...2)
    keepsUpper = try node.bool("upper", default: true)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let input = try context.tensor(0)
    if let rank = input.dims?.count, rank < 2 { throw context.invalid("the input has rank \(rank), less than 2") }
    if context.has(1), let shape = try context.shape(1), shape.checkedCount != 1 {
      throw context.invalid("the diagonal must be one number")
    }
    return [.tensor(input)]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Unpacking.kernel(self, context) { return kernel }
    let input = try context.input(0)
    let width = try context.movableByteCount(input.dataType)
    let (rows, columns) = (input.shape[input.shape.rank - 2], input.shape[input.shape.rank - 1])
    let matrices = input.shape.count(0..<(input.shape.rank - 2))
    let type = context.has(1) ? try context.input(1).dataType : nil
    let keepsUpper = keepsUpper
    return Kernel(inPlaceInputs: [0]) { operands in
      let (source, target) = (operands.rawInput(0), operands.rawOutput(0))
      let given = type.map { ElementAccess.integer(operands.rawInput(1), 0, $0) } ?? 0
      let diagonal = Int(min(max(given, -1 << 40), 1 << 40))
      for row in 0..<(matrices * rows) {
        // Columns before the split lie below the diagonal (for the lower half: on it, or below).
        let split = min(max(row % rows + diagonal + (keepsUpper ? 0 : 1), 0), columns)
        let (kept, cleared) = keepsUpper ? (split..<columns, 0..<split) : (0..<split, split..<columns)
        let (from, to) = (source + row * columns * width, target + row * columns * width)
        if from != UnsafeRawPointer(to) {
          (to + kept.lowerBound * width).copyMemory(from: from + kept.lowerBound * width, byteCount: kept.count * width)
        }
        (to + cleared.lowerBound * width).initializeMemory(as: UInt8.self, repeating: 0, count: cleared.count * width)
      }
    }
  }
}
