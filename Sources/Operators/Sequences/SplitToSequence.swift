import GraphIR
import Tensors

/// ONNX `SplitToSequence`: pieces of a tensor along an axis, as a sequence.
///
/// The second input says how long each piece is, or, as a scalar, all of them (the last may be shorter); without it every
/// piece has one slice, and loses the axis if `keepdims` is 0.
public struct SplitToSequence: HostOperator {
  public static let signatures = [Signature("SplitToSequence", versions: 11...Signature.newestOpset)]

  private let axis: Int
  private let keepsAxis: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...2)
    axis = try node.int("axis", default: 0)
    keepsAxis = try node.bool("keepdims", default: true) || node.hasInput(1)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.tensor(0)
    if let rank = type.dims?.count { _ = try context.axis(axis, rank: rank) }
    return [.sequence(.tensor(TensorType(type.dataType, nil as [Dimension]?)))]
  }

  public func evaluate(_ context: EvaluationContext) throws(OperatorError) -> [RuntimeValue] {
    let tensor = try context.tensor(0)
    let axis = try context.axis(axis, rank: tensor.shape.rank)
    var start = 0
    var pieces: [RuntimeValue] = []
    for length in try lengths(context, extent: tensor.shape[axis]) {
      let piece = try context.slice(tensor, axis: axis, start..<(start + length))
      start += length
      guard !keepsAxis else { pieces.append(.tensor(piece)); continue }
      var shape = piece.shape
      shape.dims.remove(at: axis)
      pieces.append(.tensor(piece.reshaped(shape)))
    }
    return [.sequence(pieces, of: .tensor(TensorType(tensor.dataType, nil as [Dimension]?)))]
  }

  private func lengths(_ context: EvaluationContext, extent: Int) throws(OperatorError) -> [Int] {
    guard context.has(1) else { return [Int](repeating: 1, count: extent) }
    let given = try context.integers(1)
    guard try context.tensor(1).shape.rank == 0 else {
      guard given.allSatisfy({ $0 >= 0 && $0 <= extent }), given.reduce(0, +) == extent else {
        throw context.invalid("the lengths \(given.prefix(16)) do not add up to the extent of \(extent)")
      }
      return given
    }
    guard let length = given.first, length > 0 else { throw context.invalid("pieces must have a length of 1 at least") }
    return stride(from: 0, to: extent, by: min(length, max(extent, 1))).map { min(length, extent - $0) }
  }
}
