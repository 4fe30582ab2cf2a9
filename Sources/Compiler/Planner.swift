import CKernels
import GraphIR
import Operators
import Tensors

/// Turns a graph whose values all have exact types into a plan.
struct Planner {
  let program: Program
  private var graph: Graph
  private var layouts: [Layout] = []
  private var log = PassLog()
  /// For weights that are constants for these shapes only.
  private let ownWeights = WeightCache(names: [])

  /// An operator that has no kernel for what it is given.
  struct Refusal: Error {
    var error: CompileError
    /// The node's first output, which names it also after nodes were joined; nil when no single node is to blame.
    var output: ValueID?
  }

  /// - Parameter graph: specialized nodes of `program`, with the program's names for values.
  init(program: Program, graph: Graph) {
    self.program = program
    self.graph = graph
  }

  mutating func plan() throws(Refusal) -> Plan {
    do throws(CompileError) {
      try program.options.pipeline.runShaped(on: &graph, log: &log)
    } catch {
      throw Refusal(error: error, output: nil)
    }
    if program.options.fusesElementwise { ElementwiseFusion.run(on: &graph, log: &log) }
    layouts = LayoutAssignment.run(on: &graph)
    let kernels = try kernels()
    do {
      return try build(kernels)
    } catch {
      throw Refusal(error: error)
    }
  }

  private func operand(_ id: ValueID) -> Operand {
    let type = graph[id].type.tensor!
    return Operand(
      dataType: type.dataType!, shape: type.shape!, layout: layouts[id.index],
      constant: layouts[id.index].isChannelsLast ? nil : graph.constants[id])
  }

  private func kernels() throws(Refusal) -> [Kernel] {
    var kernels: [Kernel] = []
    kernels.reserveCapacity(graph.nodes.count)
    for node in graph.nodes {
      let context = KernelContext(
        node: node, inputs: node.inputs.map { $0.map(operand) }, outputs: node.outputs.map { $0.map(operand) },
        target: program.target, weights: hasPassingConstants(node) ? ownWeights : program.weights)
      do {
        kernels.append(try node.implementation!.kernel(context))
      } catch {
        throw Refusal(error: .operatorProblem(error), output: node.outputs.lazy.compactMap { $0 }.first)
      }
    }
    return kernels
  }

  /// Whether a constant of the node is one for this plan only, because shapes made it.
  private func hasPassingConstants(_ node: Node) -> Bool {
    node.inputs.contains { $0.map { graph.constants[$0] != nil && program.graph.constants[$0] == nil } ?? false }
  }

  private func build(_ kernels: [Kernel]) throws(CompileError) -> Plan {
    var storage = StoragePlan(graph: graph, kernels: kernels, operand: operand)
    for (step, kernel) in kernels.enumerated() { storage.add(kernel, at: step) }
    storage.bindOutputs(after: kernels.count)
    let intervals = storage.intervals
    let arena = MemoryPlanner.place(intervals)
    storage.place(at: arena.offsets)

    let scratch = kernels.map(\.scratchByteCount).max() ?? 0
    let total = arena.byteCount.addingReportingOverflow(scratch)
    let weights = program.weights.byteCount
    guard !total.overflow, total.partialValue <= program.options.memoryLimit - weights else {
      throw .memory(
        place: "the plan (\(graph.nodes.count) nodes)", byteCount: total.overflow ? nil : total.partialValue + weights,
        limit: program.options.memoryLimit)
    }

    var steps: [Plan.Step] = []
    for (node, kernel) in zip(graph.nodes, kernels) {
      guard case .compute(let run) = kernel.effect else { continue }
      let inputs = node.inputs.enumerated().map { index, id in
        kernel.unreadInputs.contains(index) ? .absent : id.map { storage.place(of: $0) } ?? .absent
      }
      let outputs = node.outputs.map { $0.map { storage.place(of: $0) } ?? .absent }
      // A conversion makes no value of the model.
      let results = node.implementation is Relayout
        ? [] : node.outputs.map { $0.map { Plan.Result(name: graph[$0].name, operand: operand($0)) } }
      let shape = (node.outputs.first ?? nil).map { operand($0).shape } ?? []
      steps.append(
        Plan.Step(
          label: node.label, operatorName: node.operatorName, run: run, inputs: inputs, outputs: outputs,
          outputShape: shape, results: results))
    }
    steps += storage.copies
    return Plan(
      steps: steps, inputs: graph.inputs.map { graph[$0].type.tensor! }, outputs: graph.outputs.map(operand),
      constants: storage.constants,
      arenaByteCount: MemoryPlanner.rounded(arena.byteCount) + scratch,
      scratchOffset: MemoryPlanner.rounded(arena.byteCount), scratchByteCount: scratch, intervals: intervals,
      log: log, retained: kernels.flatMap(\.retained))
  }
}
