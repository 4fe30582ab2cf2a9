import GraphIR
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What the losses over classes share: inputs `[batch, classes, …]`, targets `[batch, …]`, weights `[classes]`, and a
/// reduction.
struct ClassLoss: Hashable, Sendable {
  enum Reduction: String, Hashable, Sendable { case none, sum, mean }

  let reduction: Reduction
  /// Targets of this value count nothing.
  let ignored: Int?

  init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(2...3)
    let name = try node.string("reduction", default: "mean")
    guard let reduction = Reduction(rawValue: name) else { throw node.invalid("the reduction “\(name)” does not exist") }
    self.reduction = reduction
    ignored = try node.int("ignore_index")
  }

  /// The type of the loss.
  func infer(_ context: InferenceContext) throws(OperatorError) -> ValueType {
    let type = try context.elementType(0, in: DataType.floats)
    _ = try context.elementType(1, in: [.int32, .int64])
    try context.expectSameElementType(0, 2)
    let scores = try context.dims(0, rank: 2...64), targets = try context.tensor(1).dims
    if let scores {
      let wanted = [scores[0]] + scores[2...]
      if let targets {
        guard targets.count == wanted.count,
          zip(targets, wanted).allSatisfy({ $0.mayEqual($1) })
        else {
          throw context.invalid(
            "targets of shape \(TensorType(nil, targets).extents) do not fit scores of "
              + TensorType(nil, scores).extents)
        }
      }
      try context.expectVector(2, count: scores[1])
    }
    guard reduction == .none else { return .tensor(TensorType(type, [])) }
    return .tensor(TensorType(type, targets ?? scores.map { [$0[0]] + $0[2...] }))
  }

  /// - Parameter takesScores: whether input 0 holds scores, and output 1 the logarithms of their softmax, rather than
  ///   the logarithms themselves.
  func kernel(_ context: KernelContext, takesScores: Bool) throws(OperatorError) -> Kernel {
    let (scores, targets) = (try context.input(0), try context.input(1))
    let (type, targetType, shape) = (scores.dataType, targets.dataType, scores.shape)
    let (classes, space) = (shape[1], shape.count(2..<shape.rank))
    let count = targets.count
    let hasWeights = context.has(2)
    let (reduction, ignored, label) = (reduction, ignored, context.node.label)
    let keeps = takesScores && context.outputs.count > 1 && context.outputs[1] != nil
    return Kernel { operands throws(OperatorError) in
      let (source, target) = (operands.rawInput(0), operands.rawOutput(0))
      var (total, weights) = (0.0, 0.0)
      for position in 0..<count {
        let first = position / space * classes * space + position % space
        let shift = takesScores ? Self.logarithmOfSum(source, first, space, classes, type) : 0
        if keeps {
          for c in 0..<classes {
            let place = first + c * space
            ElementAccess.store(ElementAccess.double(source, place, type) - shift, operands.rawOutput(1), place, type)
          }
        }
        let chosen = Int(ElementAccess.integer(operands.rawInput(1), position, targetType))
        var (loss, weight) = (0.0, 0.0)
        if chosen != ignored {
          guard 0..<classes ~= chosen else {
            throw OperatorError(
              .invalid, node: label, "target \(chosen) in input 1 is not one of the \(classes) classes")
          }
          weight = hasWeights ? ElementAccess.double(operands.rawInput(2), chosen, type) : 1
          loss = (shift - ElementAccess.double(source, first + chosen * space, type)) * weight
        }
        if reduction == .none { ElementAccess.store(loss, target, position, type) }
        total += loss
        weights += weight
      }
      switch reduction {
      case .none: break
      case .sum: ElementAccess.store(total, target, 0, type)
      case .mean: ElementAccess.store(total / weights, target, 0, type)
      }
    }
  }

  /// What to subtract from scores to make them logarithms of probabilities.
  private static func logarithmOfSum(
    _ source: UnsafeRawPointer, _ first: Int, _ step: Int, _ count: Int, _ type: DataType
  ) -> Double {
    var greatest = -Double.infinity
    for c in 0..<count { greatest = max(greatest, ElementAccess.double(source, first + c * step, type)) }
    guard greatest.isFinite else { return greatest }
    var sum = 0.0
    for c in 0..<count { sum += exp(ElementAccess.double(source, first + c * step, type) - greatest) }
    return greatest + log(sum)
  }
}
