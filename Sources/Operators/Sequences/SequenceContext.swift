import GraphIR
import Tensors

extension InferenceContext {
  /// The type of sequence input `index`; throws when it is known to be something else.
  func sequenceType(_ index: Int) throws(OperatorError) -> ValueType {
    guard index < inputs.count, let input = inputs[index] else { throw invalid("input \(index) is missing") }
    switch input.type {
    case .sequence, .optional(.sequence): return input.type
    case .unknown, .optional: return .sequence(.unknown)
    case .tensor: throw invalid("input \(index) is not a sequence")
    }
  }
}

extension EvaluationContext {
  /// What the elements of sequence input `index` are.
  func elementType(_ index: Int) throws(OperatorError) -> ValueType {
    switch try value(index).type {
    case .sequence(let element), .optional(.sequence(let element)): return element
    case .tensor, .optional, .unknown: throw invalid("input \(index) is not a sequence")
    }
  }

  /// The position that input `index` means, counted from the end if negative; throws when it is none of `range`.
  func position(_ index: Int, in range: Range<Int>) throws(OperatorError) -> Int {
    let values = try integers(index)
    guard values.count == 1 else { throw invalid("the position has \(values.count) elements instead of 1") }
    let count = try sequence(0).count
    let position = values[0] < 0 ? values[0] &+ count : values[0]
    guard range.contains(position) else {
      throw invalid("the position \(values[0]) is out of range for a sequence of \(count)")
    }
    return position
  }
}
