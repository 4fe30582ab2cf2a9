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

  /// Decodes the operators, then runs the pipeline.
  public init(
    _ graph: Graph, registry: OperatorRegistry = .standard, options: CompileOptions = CompileOptions()
  ) throws(CompileError) {
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
    self.options = options
    target = Target(level: options.level, threads: options.threads, isReference: options.isReference)
    weights = WeightCache(names: graph.values.map(\.name))
  }

  /// The plan for inputs of exactly these types, in the order of `graph.inputs`.
  public func plan(_ inputs: [TensorType]) throws(CompileError) -> Plan {
    var planner = try Planner(program: self, inputs: inputs)
    return try planner.plan()
  }
}
