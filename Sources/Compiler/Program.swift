import CKernels
import Glibc
import GraphIR
import Operators
import Tensors

/// How a graph is compiled.
public struct CompileOptions: Sendable {
  public var pipeline: Pipeline
  /// Reference mode: scalar kernels, the model's own layout where operators allow it, no rewriting.
  public var isReference: Bool
  /// Threads that sessions will use.
  public var threads: Int
  /// Bytes that one plan's values and the program's packed weights may take together.
  public var memoryLimit: Int
  public var level: vz_cpu_level
  /// Whether elementwise operators are joined into loops.
  public var fusesElementwise: Bool
  /// Whether packed weights must not take more memory than the model's, even if more would be faster.
  public var savesMemory = false
  /// Weights that another process packed for the same model, level and options.
  public var packedWeights: (any PackedWeightSource)?

  public init(
    threads: Int = 1, isReference: Bool = false, memoryLimit: Int = CompileOptions.defaultMemoryLimit,
    level: vz_cpu_level = vz_cpu_default(), pipeline: Pipeline? = nil
  ) {
    self.threads = max(threads, 1)
    self.isReference = isReference
    self.memoryLimit = memoryLimit
    self.level = level
    self.pipeline = pipeline ?? (isReference ? .reference : .standard)
    fusesElementwise = !isReference
  }

  /// Leaves out the passes and stages of these names (`Pipeline.stageNames`).
  public mutating func omit(_ names: Set<String>) {
    pipeline.passes.removeAll { names.contains($0.name) }
    pipeline.shapedPasses.removeAll { names.contains($0.name) }
    if names.contains(Pipeline.elementwiseFusionName) { fusesElementwise = false }
  }

  /// Three quarters of the machine's memory.
  public static let defaultMemoryLimit: Int = {
    let pages = sysconf(Int32(_SC_PHYS_PAGES)), pageSize = sysconf(Int32(_SC_PAGESIZE))
    return pages > 0 && pageSize > 0 ? pages * pageSize / 4 * 3 : 1 << 30
  }()
}

/// A graph after its passes, ready to be planned for the shapes that come: immutable, shared by sessions.
public final class Program: Sendable {
  public let graph: Graph
  public let options: CompileOptions
  public let target: Target
  public let weights: WeightCache
  public let log: PassLog
  /// The types of the outputs, by what the model declares where it does.
  public let outputTypes: [ValueType]
  /// The subgraphs of the graph's nodes.
  let bodies: [BodyKey: Body]

  /// Decodes the operators, then runs the pipeline.
  public init(
    _ graph: Graph, registry: OperatorRegistry = .standard, options: CompileOptions = CompileOptions()
  ) throws(CompileError) {
    let declared = graph.outputs.map { graph.values.indices.contains($0.index) ? graph[$0].type : .unknown }
    var graph = graph
    var log = PassLog()
    do {
      try graph.verify()
    } catch {
      throw .graphProblem(error)
    }
    try graph.resolveOperators(registry)
    try options.pipeline.run(on: &graph, log: &log)
    self.graph = graph
    self.log = log
    outputTypes = zip(declared, graph.outputs).map { $0 == .unknown ? graph[$1].type : $0 }
    self.options = options
    target = Target(
      level: options.level, threads: options.threads, isReference: options.isReference,
      savesMemory: options.savesMemory)
    weights = WeightCache(names: graph.values.map(\.name), stored: options.packedWeights, isDeferred: true)
    // Values of different graphs may have the same name.
    var bodyOptions = options
    bodyOptions.packedWeights = nil
    let ownOptions = bodyOptions
    bodies = try graph.compiledBodies { body throws(CompileError) in
      try Program(body, registry: registry, options: ownOptions)
    }
  }

  /// The values that the node's subgraphs capture.
  func captures(of node: Node) -> [ValueID] {
    guard !bodies.isEmpty, node.hasSubgraphs, let output = node.outputs.lazy.compactMap({ $0 }).first else { return [] }
    return node.attributes.keys.flatMap { bodies[BodyKey(output: output, attribute: $0)]?.captures ?? [] }
  }

  /// Bytes of all packed weights, those of subgraphs included.
  public var weightByteCount: Int { bodies.values.reduce(weights.byteCount) { $0 + $1.program.weightByteCount } }

  /// The plan for inputs of exactly these types, in the order of `graph.inputs`.
  ///
  /// - Throws: also when the graph needs more than one plan, because types depend on the contents of values.
  public func plan(_ inputs: [TensorType]) throws(CompileError) -> Plan {
    let types = inputs.map(ValueType.tensor)
    try InputCheck(graph).check(types)
    var builder = StageBuilder(self, graph, types: types)
    let stage = try builder.build()
    if let obstacle = stage.obstacle { throw .operatorProblem(obstacle) }
    return stage.plan!
  }
}
