import GraphIR
import Tensors

/// What operators are asked through: makes errors that name the node.
protocol Diagnosing {
  func invalid(_ reason: String) -> OperatorError
  func unsupported(_ reason: String) -> OperatorError
}

extension NodeReader: Diagnosing {}
extension InferenceContext: Diagnosing {}
extension KernelContext: Diagnosing {}
extension EvaluationContext: Diagnosing {}

extension Diagnosing {
  /// The axis that `axis` means in a tensor of that rank, counted from the end if negative.
  func axis(_ axis: Int, rank: Int) throws(OperatorError) -> Int {
    guard axis >= -rank, axis < rank else {
      throw invalid("axis \(axis) is out of range for rank \(rank)")
    }
    return axis < 0 ? axis + rank : axis
  }

  /// The axes that `axes` mean, in their order; throws if two are the same.
  func axes(_ axes: [Int], rank: Int) throws(OperatorError) -> [Int] {
    var result: [Int] = []
    var isListed = [Bool](repeating: false, count: rank)
    for candidate in axes {
      let resolved = try axis(candidate, rank: rank)
      guard !isListed[resolved] else { throw invalid("axis \(candidate) is listed twice") }
      isListed[resolved] = true
      result.append(resolved)
    }
    return result
  }

  /// Bytes of one element that moves as it is.
  func movableByteCount(_ type: DataType) throws(OperatorError) -> Int {
    guard let count = type.elementByteCount else { throw unsupported("elements of type \(type) cannot be moved yet") }
    return count
  }

  /// Throws unless the operator can have a tensor of these extents.
  func checkCount(_ dims: [Dimension], of type: DataType?) throws(OperatorError) {
    guard let shape = TensorType(nil, dims).shape else { return }
    guard let count = shape.checkedCount, (type ?? .float32).byteCount(of: count) != nil else {
      throw OperatorError(.tooLarge, node: invalid("").node, "the output \(shape) does not fit in memory")
    }
  }
}
