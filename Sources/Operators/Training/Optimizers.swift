import GraphIR
import Tensors

/// ONNX's optimizers for training: `Adagrad`, `Adam` and `Momentum`, one step each.
///
/// Inputs: learning rate, number of the step, then the tensors to be trained, their gradients, and one or two lists of
/// states. Outputs: the tensors and the states after the step.
struct TrainingStep: CompositeOperator {
  private static let domain = "ai.onnx.preview.training"
  static let signatures = ["Adagrad", "Adam", "Momentum"].map { Signature($0, domain: domain) }

  private enum Method: Hashable, Sendable {
    case adagrad(decay: Float, epsilon: Float)
    case adam(alpha: Float, beta: Float, epsilon: Float, after: Float)
    case momentum(alpha: Float, beta: Float, isNesterov: Bool)
  }

  private let method: Method
  private let norm: Float
  /// Tensors, gradients and each list of states.
  private let lists: Int
  /// How many tensors are trained.
  private let count: Int

  init(_ node: NodeReader) throws(OperatorError) {
    norm = try node.float("norm_coefficient", default: 0)
    switch node.node.operatorName {
    case "Adagrad":
      method = .adagrad(
        decay: try node.float("decay_factor", default: 0), epsilon: try node.float("epsilon", default: 0))
      lists = 3
    case "Adam":
      method = .adam(
        alpha: try node.float("alpha", default: 0.9), beta: try node.float("beta", default: 0.999),
        epsilon: try node.float("epsilon", default: 0), after: try node.float("norm_coefficient_post", default: 0))
      lists = 4
    default:
      let mode = try node.string("mode", default: "standard")
      guard mode == "standard" || mode == "nesterov" else { throw node.invalid("there is no mode “\(mode)”") }
      method = .momentum(
        alpha: try node.float("alpha", default: 0), beta: try node.float("beta", default: 0),
        isNesterov: mode == "nesterov")
      lists = 3
    }
    guard node.inputCount > 2, (node.inputCount - 2).isMultiple(of: lists) else {
      throw node.invalid("has \(node.inputCount) inputs; 2 and \(lists) for each tensor are allowed")
    }
    count = (node.inputCount - 2) / lists
  }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    let rate = try expansion.input(0), step = try expansion.input(1)
    var outputs = [ValueID?](repeating: nil, count: count * (lists - 1))
    for index in 0..<count {
      let lists = try (0..<lists).map { list throws(OperatorError) in try expansion.input(2 + list * count + index) }
      var gradient = lists[1]
      if norm != 0 { gradient = expansion.add(expansion.scaled(lists[0], norm), gradient) }
      let results = trained(lists, gradient, rate, step, &expansion)
      for (list, result) in results.enumerated() { outputs[list * count + index] = result }
    }
    return outputs
  }

  private func trained(
    _ lists: [ValueID], _ gradient: ValueID, _ rate: ValueID, _ step: ValueID, _ expansion: inout Expansion
  ) -> [ValueID] {
    let x = lists[0]
    func square(_ value: ValueID) -> ValueID { expansion.multiply(value, value) }
    func minus(_ a: ValueID, _ b: ValueID) -> ValueID { expansion.apply("Sub", [a, b]) }
    switch method {
    case .adagrad(let decay, let epsilon):
      var rate = rate
      if decay != 0 {
        let steps = expansion.like(step, rate)
        rate = expansion.apply("Div", [rate, expansion.shifted(expansion.scaled(steps, decay), 1)])
      }
      let squares = expansion.add(lists[2], square(gradient))
      let root = expansion.shifted(expansion.apply("Sqrt", [squares]), epsilon)
      return [minus(x, expansion.apply("Div", [expansion.multiply(rate, gradient), root])), squares]
    case .adam(let alpha, let beta, let epsilon, let after):
      let mean = expansion.add(expansion.scaled(lists[2], alpha), expansion.scaled(gradient, 1 - alpha))
      let squares = expansion.add(expansion.scaled(lists[3], beta), expansion.scaled(square(gradient), 1 - beta))
      let root = expansion.shifted(expansion.apply("Sqrt", [squares]), epsilon)
      // Early steps are corrected for states that began at 0.
      let steps = expansion.like(step, rate)
      func rest(_ factor: Float) -> ValueID {
        let power = expansion.apply("Pow", [expansion.like(expansion.constant(factor), rate), steps])
        return minus(expansion.like(expansion.constant(1), rate), power)
      }
      let corrected = expansion.apply("Div", [expansion.multiply(rate, expansion.apply("Sqrt", [rest(beta)])), rest(alpha)])
      let zero = expansion.constant(Tensor(scalar: Int64(0)))
      let effective = expansion.apply("Where", [expansion.apply("Greater", [step, zero]), corrected, rate])
      let moved = minus(x, expansion.apply("Div", [expansion.multiply(effective, mean), root]))
      return [after == 0 ? moved : expansion.scaled(moved, 1 - after), mean, squares]
    case .momentum(let alpha, let beta, let isNesterov):
      let zero = expansion.constant(Tensor(scalar: Int64(0)))
      let isLater = expansion.apply("Greater", [step, zero])
      let weight = expansion.apply(
        "Where",
        [isLater, expansion.like(expansion.constant(beta), rate), expansion.like(expansion.constant(1), rate)])
      let velocity = expansion.add(expansion.scaled(lists[2], alpha), expansion.multiply(weight, gradient))
      let direction = isNesterov ? expansion.add(gradient, expansion.scaled(velocity, alpha)) : velocity
      return [minus(x, expansion.multiply(rate, direction)), velocity]
    }
  }
}

extension Expansion {
  /// `value` with the element type of another value.
  mutating func like(_ value: ValueID, _ other: ValueID) -> ValueID { apply("CastLike", [value, other]) }

  /// `value` times a number, in its own element type.
  mutating func scaled(_ value: ValueID, _ factor: Float) -> ValueID {
    multiply(value, like(constant(factor), value))
  }

  /// `value` plus a number, in its own element type.
  mutating func shifted(_ value: ValueID, _ summand: Float) -> ValueID { add(value, like(constant(summand), value)) }
}
