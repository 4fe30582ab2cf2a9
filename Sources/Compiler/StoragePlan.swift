import GraphIR
import Operators
import Tensors

/// Decides which values share memory, and how long each block lives.
///
/// Every value belongs to a *root*: the value whose block it lies in, itself unless it is a view or was computed in place.
struct StoragePlan {
  private struct Root {
    var id: ValueID
    var byteCount: Int
    var first: Int
    var last: Int
  }

  private let graph: Graph
  private let operand: (ValueID) -> Operand
  /// For each value: the value whose block it lies in, and where in it.
  private var root: [ValueID]
  private var rootOffset: [Int]
  /// The last step that reads each value; `Int.max` for outputs.
  private var lastUse: [Int]
  private var blocks: [ValueID: Root] = [:]
  private var order: [ValueID] = []
  private var boundOutput: [ValueID: Int] = [:]
  private var inputIndex: [ValueID: Int] = [:]
  private(set) var constants: [Tensor] = []
  private var constantIndex: [ValueID: Int] = [:]
  /// Steps that copy to an output what could not be computed there.
  private(set) var copies: [Plan.Step] = []
  /// The output that each of `copies` fills.
  private var copiedOutputs: [Int] = []
  private var positions: [ValueID: Int] = [:]

  init(graph: Graph, kernels: [Kernel], operand: @escaping (ValueID) -> Operand) {
    self.graph = graph
    self.operand = operand
    root = graph.values.indices.map(ValueID.init(index:))
    rootOffset = [Int](repeating: 0, count: graph.values.count)
    lastUse = [Int](repeating: -1, count: graph.values.count)
    for (step, node) in graph.nodes.enumerated() {
      for case let id? in node.inputs { lastUse[id.index] = step }
    }
    for id in graph.outputs { lastUse[id.index] = .max }
    for (index, id) in graph.inputs.enumerated() { inputIndex[id] = index }
    var read = Set(graph.outputs)
    for (node, kernel) in zip(graph.nodes, kernels) {
      for case let (slot, id?) in node.inputs.enumerated() where !kernel.unreadInputs.contains(slot) { read.insert(id) }
    }
    for id in read.sorted() {
      guard let tensor = graph.constants[id] else { continue }
      constantIndex[id] = constants.count
      constants.append(tensor)
    }
  }

  private func isInArena(_ id: ValueID) -> Bool { blocks[id] != nil }

  /// Gives the outputs of step `step` their blocks.
  mutating func add(_ kernel: Kernel, at step: Int) {
    let node = graph.nodes[step]
    if case .view(let input, let byteOffset) = kernel.effect, let source = node.inputs[input],
      let output = node.outputs[0]
    {
      share(output, with: source, byteOffset: byteOffset)
      return
    }
    for (index, id) in node.outputs.enumerated() {
      guard let id else { continue }
      if index == 0, let source = reusableInput(of: node, kernel, output: id, step: step) {
        share(id, with: source, byteOffset: 0)
        continue
      }
      // An output that nobody reads still needs room while its step runs.
      blocks[id] = Root(
        id: id, byteCount: operand(id).byteCount, first: step, last: max(lastUse[id.index], step))
      order.append(id)
    }
  }

  private mutating func share(_ id: ValueID, with source: ValueID, byteOffset: Int) {
    let owner = root[source.index]
    root[id.index] = owner
    rootOffset[id.index] = rootOffset[source.index] + byteOffset
    if let block = blocks[owner] { blocks[owner]!.last = max(block.last, lastUse[id.index]) }
  }

  /// An input whose block the node's first output may take over.
  private func reusableInput(of node: Node, _ kernel: Kernel, output: ValueID, step: Int) -> ValueID? {
    let byteCount = operand(output).byteCount
    for index in kernel.inPlaceInputs.sorted() {
      guard index < node.inputs.count, let source = node.inputs[index] else { continue }
      let owner = root[source.index]
      guard let block = blocks[owner], block.last <= step, block.byteCount == byteCount, rootOffset[source.index] == 0,
        operand(source).byteCount == byteCount
      else { continue }
      let readsAgain = node.inputs.enumerated().contains { other, id in
        other != index && id.map { root[$0.index] == owner } ?? false
      }
      if !readsAgain { return source }
    }
    return nil
  }

  /// Lets outputs be computed where the caller wants them, or adds copies for those that cannot be.
  mutating func bindOutputs(after stepCount: Int) {
    for (index, id) in graph.outputs.enumerated() {
      let owner = root[id.index]
      if let block = blocks[owner], boundOutput[owner] == nil, rootOffset[id.index] == 0,
        block.byteCount == operand(id).byteCount
      {
        boundOutput[owner] = index
      } else {
        copies.append(copy(id, toOutput: index))
      }
    }
    order.removeAll { boundOutput[$0] != nil }
  }

  private mutating func copy(_ id: ValueID, toOutput index: Int) -> Plan.Step {
    copiedOutputs.append(index)
    let byteCount = operand(id).byteCount
    return Plan.Step(
      label: "copy to output “\(graph[id].name)”", operatorName: "Copy",
      run: { operands in operands.rawOutput(0).copyMemory(from: operands.rawInput(0), byteCount: byteCount) },
      inputs: [], outputs: [.output(index: index, offset: 0)], outputShape: operand(id).shape)
  }

  /// The life of every block in the arena.
  var intervals: [LiveInterval] {
    order.map { id in
      let block = blocks[id]!
      return LiveInterval(first: block.first, last: block.last, byteCount: block.byteCount)
    }
  }

  /// Puts the blocks where the planner wants them: `offsets` is in the order of `intervals`.
  mutating func place(at offsets: [Int]) {
    positions = Dictionary(uniqueKeysWithValues: zip(order, offsets).map { ($0, $1) })
    for step in copies.indices { copies[step].inputs = [place(of: graph.outputs[copiedOutputs[step]])] }
  }

  /// Where the bytes of a value are, once blocks are placed.
  func place(of id: ValueID) -> Plan.Place {
    let owner = root[id.index]
    let offset = rootOffset[id.index]
    if let index = constantIndex[owner] { return .constant(index: index, offset: offset) }
    if let index = inputIndex[owner] { return .input(index: index, offset: offset) }
    if let index = boundOutput[owner] { return .output(index: index, offset: offset) }
    guard let position = positions[owner] else { return .absent }
    return .arena(offset: position + offset)
  }
}
