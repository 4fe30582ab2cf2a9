import CKernels
import GraphIR
import Operators
import Tensors

/// Turns a program into a plan for given input shapes.
struct Planner {
  let program: Program
  private var graph: Graph
  private let inputTypes: [TensorType]
  private var layouts: [Layout] = []
  private var log = PassLog()

  init(program: Program, inputs: [TensorType]) throws(CompileError) {
    self.program = program
    graph = program.graph
    inputTypes = inputs
    try InputCheck(graph).check(inputs)
    for (id, type) in zip(graph.inputs, inputs) { graph[id].type = .tensor(type) }
  }

  mutating func plan() throws(CompileError) -> Plan {
    var specialization = Specialization(graph, target: program.target, memoryLimit: program.options.memoryLimit)
    try specialization.run()
    graph = specialization.graph
    graph.removeDeadNodes()
    try requireShapes()
    if program.options.fusesElementwise { ElementwiseFusion.run(on: &graph, log: &log) }
    layouts = LayoutAssignment.run(on: &graph)
    return try build(try kernels())
  }

  /// Every value that a kernel will see must have a known type by now.
  private func requireShapes() throws(CompileError) {
    for node in graph.nodes {
      for case let id? in node.outputs {
        guard let type = graph[id].type.tensor, type.dataType != nil, type.shape != nil else {
          throw .operatorProblem(
            OperatorError(
              .unsupported, node: node.label,
              "the shape of its output “\(graph[id].name)” depends on the contents of its inputs"))
        }
      }
    }
  }

  private func operand(_ id: ValueID) -> Operand {
    let type = graph[id].type.tensor!
    return Operand(
      dataType: type.dataType!, shape: type.shape!, layout: layouts[id.index], constant: graph.constants[id])
  }

  private func kernels() throws(CompileError) -> [Kernel] {
    var kernels: [Kernel] = []
    kernels.reserveCapacity(graph.nodes.count)
    for node in graph.nodes {
      let context = KernelContext(
        node: node, inputs: node.inputs.map { $0.map(operand) }, outputs: node.outputs.map { $0.map(operand) },
        target: program.target, weights: program.weights)
      do {
        kernels.append(try node.implementation!.kernel(context))
      } catch {
        throw .operatorProblem(error)
      }
    }
    return kernels
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
      steps: steps, inputs: inputTypes, outputs: graph.outputs.map(operand), constants: storage.constants,
      arenaByteCount: MemoryPlanner.rounded(arena.byteCount) + scratch,
      scratchOffset: MemoryPlanner.rounded(arena.byteCount), scratchByteCount: scratch, intervals: intervals,
      log: log, retained: kernels.flatMap(\.retained))
  }
}
