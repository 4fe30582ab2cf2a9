import GraphIR
import Operators
import Tensors

/// What is done in one stage of a run: a plan for all nodes whose types are known, then the nodes that only tell the
/// types of their results by computing them.
///
/// Most graphs need one stage without such nodes. Others go on with `rest`, once the types of its inputs are there.
struct StagePlan: Sendable {
  /// Nil when no node can be planned.
  var plan: Plan?
  /// The values that the plan reads and makes, in its order.
  var planInputs: [ValueID]
  var planOutputs: [ValueID]
  /// Nodes to evaluate after the plan, in order.
  var hosted: [Node]
  /// Constants that hosted nodes and outputs read.
  var constants: [ValueID: Tensor]
  /// The graph of what is left; nil at the last stage.
  var rest: Graph?
  /// Why this is not one plan for the whole graph; nil when it is.
  var obstacle: OperatorError?
}

/// Divides a graph with inputs of known types into what can be planned now, what has to be evaluated, and the rest.
struct StageBuilder {
  private let program: Program
  private var graph: Graph
  /// Nodes that have no kernel without the contents of their inputs, by first output, and what they said.
  private var refusals: [ValueID: OperatorError] = [:]

  /// What becomes of a node.
  private enum Fate { case planned, hosted, later }

  /// - Parameter types: the exact types of the graph's inputs.
  init(_ program: Program, _ graph: Graph, types: [ValueType]) {
    self.program = program
    self.graph = graph
    for (id, type) in zip(graph.inputs, types) { self.graph[id].type = type }
  }

  mutating func build() throws(CompileError) -> StagePlan {
    var specialization = Specialization(graph, target: program.target, memoryLimit: program.options.memoryLimit)
    try specialization.run()
    graph = specialization.graph
    graph.removeDeadNodes()
    while true {
      let fates = fates()
      let segment = segment(fates)
      do throws(Planner.Refusal) {
        let isEmpty = segment.nodes.isEmpty && fates.contains { $0 != .planned }
        var planner = Planner(program: program, graph: segment)
        return stage(fates, segment, isEmpty ? nil : try planner.plan())
      } catch {
        // A kernel that asks for contents gets them at run time, node by node.
        guard let output = error.output, case .operatorProblem(let problem) = error.error, problem.kind != .tooLarge,
          refusals[output] == nil, let node = graph.nodes.first(where: { $0.outputs.contains(output) }),
          node.inputs.contains(where: { $0.map { graph.constants[$0] == nil } ?? false })
        else { throw error.error }
        refusals[output] = problem
      }
    }
  }

  // MARK: Division

  private func fates() -> [Fate] {
    var isPlanned = [Bool](repeating: false, count: graph.values.count)
    var isHosted = isPlanned
    for id in graph.inputs { isPlanned[id.index] = true }
    for id in graph.constants.keys { isPlanned[id.index] = true }
    return graph.nodes.map { node in
      let reads = reads(of: node)
      let fate: Fate
      if reads.allSatisfy({ isPlanned[$0.index] }) {
        fate = isPlannable(node) ? .planned : .hosted
      } else if reads.allSatisfy({ isPlanned[$0.index] || isHosted[$0.index] }), isAlwaysHosted(node) {
        fate = .hosted
      } else {
        fate = .later
      }
      for case let id? in node.outputs {
        if fate == .planned { isPlanned[id.index] = true }
        if fate == .hosted { isHosted[id.index] = true }
      }
      return fate
    }
  }

  /// The values that a node reads, those that its subgraphs capture included.
  private func reads(of node: Node) -> [ValueID] {
    node.inputs.compactMap { $0 } + program.captures(of: node).filter { !node.inputs.contains($0) }
  }

  private func isPlannable(_ node: Node) -> Bool {
    guard !isAlwaysHosted(node), refusals.isEmpty || node.outputs.allSatisfy({ $0.map { refusals[$0] == nil } ?? true })
    else { return false }
    return (node.inputs + node.outputs).allSatisfy { $0.map { graph[$0].type.isPlannable } ?? true }
  }

  private func isAlwaysHosted(_ node: Node) -> Bool {
    let inputs = node.inputs.map { $0.map { InferenceContext.Input(type: graph[$0].type, constant: graph.constants[$0]) } }
    if node.implementation!.isHosted(InferenceContext(node: node, inputs: inputs)) { return true }
    return node.inputs.contains { id in
      guard let id, let type = graph[id].type.tensor else { return false }
      return type.dataType == .string
    }
  }

  // MARK: Results

  /// The planned nodes as a graph of their own.
  private func segment(_ fates: [Fate]) -> Graph {
    var segment = graph
    guard fates.contains(where: { $0 != .planned }) || !graph.outputs.allSatisfy({ graph[$0].type.isPlannable })
      || !graph.inputs.allSatisfy({ graph[$0].type.isPlannable })
    else { return segment }
    var isMade = [Bool](repeating: false, count: graph.values.count)
    var isRead = isMade, isWanted = isMade
    for (node, fate) in zip(graph.nodes, fates) {
      guard fate == .planned else {
        for id in reads(of: node) { isWanted[id.index] = true }
        continue
      }
      for case let id? in node.inputs { isRead[id.index] = true }
      for case let id? in node.outputs { isMade[id.index] = true }
    }
    for id in graph.outputs { isWanted[id.index] = true }
    segment.nodes = zip(graph.nodes, fates).filter { $0.1 == .planned }.map(\.0)
    segment.inputs = graph.inputs.filter { isRead[$0.index] }
    segment.outputs = graph.values.indices.filter { isMade[$0] && isWanted[$0] }.map(ValueID.init(index:))
    return segment
  }

  private func stage(_ fates: [Fate], _ segment: Graph, _ plan: Plan?) -> StagePlan {
    var stage = StagePlan(
      plan: plan, planInputs: segment.inputs, planOutputs: segment.outputs,
      hosted: zip(graph.nodes, fates).filter { $0.1 == .hosted }.map(\.0), constants: [:], rest: rest(fates),
      obstacle: obstacle(fates))
    for id in stage.hosted.flatMap(reads) + graph.outputs {
      if let tensor = graph.constants[id] { stage.constants[id] = tensor }
    }
    return stage
  }

  private func rest(_ fates: [Fate]) -> Graph? {
    guard fates.contains(.later) else { return nil }
    var rest = graph
    rest.nodes = zip(graph.nodes, fates).filter { $0.1 == .later }.map(\.0)
    var isRead = [Bool](repeating: false, count: graph.values.count)
    for node in rest.nodes { for id in reads(of: node) { isRead[id.index] = true } }
    for id in graph.outputs { isRead[id.index] = true }
    for node in rest.nodes { for case let id? in node.outputs { isRead[id.index] = false } }
    rest.inputs = graph.values.indices.map(ValueID.init(index:)).filter {
      isRead[$0.index] && graph.constants[$0] == nil
    }
    return rest
  }

  private func obstacle(_ fates: [Fate]) -> OperatorError? {
    if let index = fates.firstIndex(where: { $0 != .planned }) {
      let node = graph.nodes[index]
      if let refusal = node.outputs.lazy.compactMap({ $0.flatMap { refusals[$0] } }).first { return refusal }
      return OperatorError(.unsupported, node: node.label, "the type of its result is known only once it is computed")
    }
    guard let id = (graph.inputs + graph.outputs).first(where: { !graph[$0].type.isPlannable }) else { return nil }
    return OperatorError(.unsupported, node: "the value “\(graph[id].name)”", "is \(graph[id].type), no tensor of numbers")
  }
}

extension ValueType {
  /// Whether a plan can hold the value: a tensor of exact shape whose elements have a size.
  fileprivate var isPlannable: Bool {
    guard let tensor, tensor.shape != nil, let dataType = tensor.dataType else { return false }
    return dataType != .string
  }
}
