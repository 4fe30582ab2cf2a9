import CKernels
import GraphIR
import Tensors

/// What the recurrent operators share: attributes, types, and the preparation of their kernel.
struct RecurrentLayer: Sendable {
  enum Cell: Hashable, Sendable {
    case plain
    /// Whether the reset gate comes after the product with the recurrent weights.
    case gru(resetsAfterProduct: Bool)
    /// Whether the forget gate is one minus the input gate.
    case lstm(couplesForget: Bool)

    var gates: Int {
      switch self {
      case .plain: 1
      case .gru: 3
      case .lstm: 4
      }
    }

    var hasCellState: Bool {
      if case .lstm = self { return true }
      return false
    }
  }

  let cell: Cell
  /// For every direction, whether it runs from the end.
  let isReverse: [Bool]
  let activations: [[RecurrentActivation]]
  let hiddenSize: Int?
  let clip: Float?
  /// Whether images come before time in the operands.
  let isBatchFirst: Bool
  /// Whether the state is rounded to eight bits before every product.
  let roundsState: Bool

  init(
    _ node: NodeReader, cell: Cell, defaults: [RecurrentActivation.Function], roundsState: Bool = false
  ) throws(OperatorError) {
    self.cell = cell
    self.roundsState = roundsState
    switch try node.string("direction", default: "forward") {
    case "forward": isReverse = [false]
    case "reverse": isReverse = [true]
    case "bidirectional": isReverse = [false, true]
    case let other: throw node.invalid("attribute “direction” is “\(other)”")
    }
    activations = try RecurrentActivation.read(node, directions: isReverse.count, defaults: defaults)
    hiddenSize = try node.int("hidden_size")
    clip = try node.float("clip")
    guard clip ?? 0 >= 0 else { throw node.invalid("attribute “clip” is \(clip ?? 0); it must not be negative") }
    switch try node.int("layout", default: 0) {
    case 0: isBatchFirst = false
    case 1: isBatchFirst = true
    case let other: throw node.invalid("attribute “layout” is \(other); it must be 0 or 1")
    }
  }

  func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.elementType(0, in: DataType.floats)
    try context.expectSameElementType(0, 1, 2, 3)
    let x = try context.dims(0, rank: 3...3)
    let w = try context.dims(1, rank: 3...3), r = try context.dims(2, rank: 3...3)
    let directions = isReverse.count, gates = cell.gates
    let hidden = hiddenSize ?? r?[2].value
    let batch = x.map { $0[isBatchFirst ? 0 : 1] } ?? .unknown, time = x.map { $0[isBatchFirst ? 1 : 0] } ?? .unknown
    if let hidden {
      guard 1...SlidingWindow.largestExtent ~= hidden else { throw context.invalid("the hidden size is \(hidden)") }
      try expect(context, 1, [.fixed(directions), .fixed(gates * hidden), x?[2] ?? .unknown], w)
      try expect(context, 2, [.fixed(directions), .fixed(gates * hidden), .fixed(hidden)], r)
      let state: [Dimension] = isBatchFirst
        ? [batch, .fixed(directions), .fixed(hidden)] : [.fixed(directions), batch, .fixed(hidden)]
      let optional: [(Int, [Dimension])] = [
        (3, [.fixed(directions), .fixed(2 * gates * hidden)]), (4, [batch]), (5, state), (6, state),
        (7, [.fixed(directions), .fixed(3 * hidden)]),
      ]
      for (input, wanted) in optional where context.has(input) {
        try expect(context, input, wanted, try context.dims(input, rank: wanted.count...wanted.count))
      }
    }
    let width = hidden.map(Dimension.fixed) ?? .unknown
    let all: [Dimension] = isBatchFirst
      ? [batch, time, .fixed(directions), width] : [time, .fixed(directions), batch, width]
    let last: [Dimension] = isBatchFirst ? [batch, .fixed(directions), width] : [.fixed(directions), batch, width]
    let state = try context.outputType(type, last)
    return [try context.outputType(type, all), state] + (cell.hasCellState ? [state] : [])
  }

  private func expect(
    _ context: InferenceContext, _ input: Int, _ wanted: [Dimension], _ actual: [Dimension]?
  ) throws(OperatorError) {
    guard let actual else { return }
    guard zip(wanted, actual).allSatisfy({ $0.mayEqual($1) }) else {
      throw context.invalid(
        "input \(input) has shape \(TensorType(nil, actual).extents) instead of \(TensorType(nil, wanted).extents)")
    }
  }

  func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    try context.expectFloat32(0, 1, 2, 3, 5, 6, 7)
    let run = try RecurrentRun(self, context)
    return run.kernel(context)
  }
}
