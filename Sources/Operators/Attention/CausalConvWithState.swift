import GraphIR
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// ONNX `CausalConvWithState`: every channel `[batch, channels, length]` convolved with its own kernel over what came
/// before, which a state of `k - 1` elements carries from call to call.
public struct CausalConvWithState: Operator {
  public static let signatures = [Signature("CausalConvWithState", versions: 27...Signature.newestOpset)]

  private let appliesSilu: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(2...4)
    switch try node.string("activation", default: "none") {
    case "none": appliesSilu = false
    case "silu", "swish": appliesSilu = true
    case let other: throw node.invalid("the activation “\(other)” does not exist")
    }
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.elementType(0, in: DataType.floats)
    try context.expectSameElementType(0, 1, 2, 3)
    let x = try context.dims(0, rank: 3...3), w = try context.dims(1, rank: 3...3)
    if let w {
      if let c = x?[1].value, let own = w[0].value, c != own {
        throw context.invalid("the weights are for \(own) channels, the input has \(c)")
      }
      if let middle = w[1].value, middle != 1 { throw context.invalid("axis 1 of the weights has \(middle) elements, not 1") }
      if let k = w[2].value, k < 1 { throw context.invalid("the kernel has no elements") }
    }
    try context.expectVector(2, count: x?[1])
    let state: [Dimension] = [
      x?[0] ?? .unknown, x?[1] ?? .unknown, w?[2].value.map { .fixed($0 - 1) } ?? .unknown,
    ]
    if context.has(3), let own = try context.dims(3, rank: 3...3) {
      guard zip(own, state).allSatisfy({ $0.mayEqual($1) }) else {
        throw context.invalid(
          "the past state has shape \(TensorType(nil, own).extents) instead of \(TensorType(nil, state).extents)")
      }
    }
    return [try context.outputType(type, x), try context.outputType(type, state)]
      .prefix(max(context.node.outputs.count, 1)).map { $0 }
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let (input, weights) = (try context.input(0), try context.input(1))
    let (type, channels, length, taps) = (input.dataType, input.shape[1], input.shape[2], weights.shape[2])
    let (hasBias, hasPast, past) = (context.has(2), context.has(3), taps - 1)
    let keepsState = context.outputs.count > 1 && context.outputs[1] != nil
    let appliesSilu = appliesSilu
    return .tasks(input.shape[0] * channels, threads: context.target.threads) { operands, line, _ in
      let (x, w, y) = (operands.rawInput(0), operands.rawInput(1), operands.rawOutput(0))
      /// Element `k` of the past followed by the input.
      func element(_ k: Int) -> Double {
        if k >= past { return ElementAccess.double(x, line * length + k - past, type) }
        return hasPast ? ElementAccess.double(operands.rawInput(3), line * past + k, type) : 0
      }
      let channel = line % channels
      let bias = hasBias ? ElementAccess.double(operands.rawInput(2), channel, type) : 0
      for t in 0..<length {
        var sum = bias
        for k in 0..<taps { sum += ElementAccess.double(w, channel * taps + k, type) * element(t + k) }
        ElementAccess.store(appliesSilu ? sum / (1 + exp(-sum)) : sum, y, line * length + t, type)
      }
      guard keepsState else { return }
      for k in 0..<past { ElementAccess.store(element(length + k), operands.rawOutput(1), line * past + k, type) }
    }
  }
}
