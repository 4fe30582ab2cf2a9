import Compiler
import GraphIR
import ONNXFormat
import Operators
import Tensors
import Viseme

/// What a model is, what it costs at given shapes, and what optimization made of it.
public struct ModelReport: Sendable, Encodable {
  public struct Port: Sendable, Encodable {
    public var name: String
    public var type: String
  }

  public struct OperatorCount: Sendable, Encodable {
    /// With its domain, unless that is ONNX's own.
    public var name: String
    public var version: Int
    public var count: Int
  }

  /// What one pass did.
  public struct PassOutcome: Sendable, Encodable {
    public struct Group: Sendable, Encodable {
      /// What happened, or why nothing did.
      public var message: String
      public var nodes: [String]
    }
    public var name: String
    public var summary: String
    public var changes: [Group]
    public var skips: [Group]
  }

  /// What a run takes at given input shapes.
  public struct Cost: Sendable, Encodable {
    public var inputs: [Port]
    public var outputs: [Port]
    /// Multiply-adds of convolutions, matrix products, recurrent layers and attention in the model as it is written.
    public var multiplyAdds: Int
    /// By operator, the most first.
    public var multiplyAddsByOperator: [OperatorWork]
    /// Steps of a run, after fusion.
    public var steps: Int
    /// Memory between steps, scratch included.
    public var arenaByteCount: Int
    public var scratchByteCount: Int
    /// Weights as kernels read them.
    public var packedWeightByteCount: Int
    /// Constants read as the file has them.
    public var constantByteCount: Int
  }

  public struct OperatorWork: Sendable, Encodable {
    public var name: String
    public var multiplyAdds: Int
  }

  /// A node that Viseme does not implement.
  public struct Gap: Sendable, Encodable {
    public var node: String
    public var reason: String
  }

  public var model: String
  public var irVersion: Int
  public var producer: String
  public var opsets: [String: Int]
  public var inputs: [Port]
  public var outputs: [Port]
  public var nodes: Int
  public var functions: Int
  public var operators: [OperatorCount]
  /// Elements and bytes of all constants of the main graph.
  public var parameters: Int
  public var parameterByteCount: Int
  /// What stands in the way of running the model; then nothing below is known.
  public var unsupported: [Gap]
  /// Nodes left after the passes that need no shapes.
  public var optimizedNodes: Int?
  public var passes: [PassOutcome]
  /// Nil while the shape of an input is open, or where shapes depend on the contents of values.
  public var cost: Cost?
  /// Why there is no cost.
  public var costProblem: String?

  /// Reads, optimizes and, where `inputs` says or the model fixes all shapes, plans the model at `path`.
  public init(path: String, options: ModelOptions, inputs source: InputSource) throws {
    let file: ONNXModel
    do {
      file = try ONNXImporter.load(path: path)
    } catch {
      throw VisemeError.importing(error)
    }
    model = path
    irVersion = file.irVersion
    producer = [file.producerName, file.producerVersion].filter { !$0.isEmpty }.joined(separator: " ")
    opsets = Dictionary(file.opsets.map { ($0.isEmpty ? "ai.onnx" : $0, $1) }, uniquingKeysWith: { first, _ in first })
    inputs = file.graph.inputs.map { Port(name: file.graph[$0].name, type: Self.text(file.graph[$0].type)) }
    outputs = file.graph.outputs.map { Port(name: file.graph[$0].name, type: Self.text(file.graph[$0].type)) }
    let nodes = Self.allNodes(of: file.graph)
    self.nodes = nodes.count
    functions = file.functions.count
    operators = Dictionary(grouping: nodes) { Self.title($0) }
      .map { OperatorCount(name: $0, version: $1[0].version, count: $1.count) }
      .sorted { ($1.count, $0.name) < ($0.count, $1.name) }
    parameters = file.graph.constants.values.reduce(0) { $0 + $1.count }
    parameterByteCount = file.graph.constants.values.reduce(0) { $0 + $1.byteCount }
    passes = []
    do {
      unsupported = try Self.gaps(in: file)
    } catch {
      throw InspectionError("\(path): \(error)")
    }
    if unsupported.isEmpty { try prepare(file, options, source) }
  }

  /// Optimizes the model, and plans it where all shapes are known.
  private mutating func prepare(_ file: ONNXModel, _ options: ModelOptions, _ source: InputSource) throws {
    let model = try Model(path: self.model, options: options)
    optimizedNodes = model.program.graph.nodes.count
    var entries = model.program.log.entries
    if let types = try source.types(for: model) {
      let shapes = zip(model.inputs, types).map { ($0.name, $1.shape!) }
      do {
        let plan = try Session(model).invocation(Dictionary(shapes, uniquingKeysWith: { first, _ in first })).plan
        entries += plan.log.entries
        cost = try Cost(file, model, plan, types)
      } catch let error as VisemeError where error.isUnsupported {
        costProblem = "\(error)"
      }
    } else {
      costProblem = "give the shapes of the inputs with --shape"
    }
    passes = Self.outcomes(of: entries, options: options)
  }

  /// The nodes for which there is no operator.
  private static func gaps(in file: ONNXModel) throws(GraphError) -> [Gap] {
    var gaps: [Gap] = []
    for node in allNodes(of: try file.inliningFunctions().graph) {
      if let gap = gap(at: node) { gaps.append(gap) }
    }
    return gaps
  }

  private static func gap(at node: Node) -> Gap? {
    do {
      _ = try OperatorRegistry.standard.implementation(of: node)
      return nil
    } catch {
      return error.kind == .unsupported ? Gap(node: error.node, reason: error.reason) : nil
    }
  }

  private static func text(_ type: ValueType) -> String {
    switch type {
    case .tensor(let tensor): "\(tensor)"
    case .sequence(let element): "sequence of \(text(element))"
    case .optional(let element): "optional \(text(element))"
    case .unknown: "?"
    }
  }

  /// The nodes of the graph and of the graphs in their attributes.
  private static func allNodes(of graph: Graph) -> [Node] {
    graph.nodes.flatMap { node in
      [node] + node.attributes.values.flatMap { attribute in
        switch attribute {
        case .graph(let body): allNodes(of: body)
        case .graphs(let bodies): bodies.flatMap { allNodes(of: $0) }
        default: [Node]()
        }
      }
    }
  }

  static func title(_ node: Node) -> String {
    node.domain.isEmpty ? node.operatorName : "\(node.domain).\(node.operatorName)"
  }

  private static func outcomes(of entries: [PassLog.Entry], options: ModelOptions) -> [PassOutcome] {
    let stages = Pipeline.stages
    return stages.filter { !options.isReference && !options.withoutPasses.contains($0.0) }.map { name, summary in
      let own = entries.filter { $0.pass == name }
      return PassOutcome(
        name: name, summary: summary, changes: groups(own.filter { !$0.isSkip }), skips: groups(own.filter(\.isSkip)))
    }
  }

  private static func groups(_ entries: [PassLog.Entry]) -> [PassOutcome.Group] {
    var order: [String] = []
    var nodes: [String: [String]] = [:]
    for entry in entries {
      if nodes[entry.message] == nil { order.append(entry.message) }
      nodes[entry.message, default: []].append(entry.node)
    }
    return order.map { PassOutcome.Group(message: $0, nodes: nodes[$0]!) }
  }
}

extension ModelReport.Cost {
  fileprivate init(_ file: ONNXModel, _ model: Model, _ plan: Plan, _ types: [TensorType]) throws {
    inputs = zip(model.inputs, types).map { ModelReport.Port(name: $0.name, type: "\($1)") }
    outputs = zip(model.outputs, plan.outputs).map {
      ModelReport.Port(name: $0.name, type: "\(TensorType($1.dataType, $1.shape))")
    }
    // The model as it is written: the same work whatever optimization makes of it.
    let plain = try Program(file.inliningFunctions().graph, options: CompileOptions(isReference: true))
    let graph = try plain.specialized(types)
    var work: [String: Int] = [:]
    for node in graph.nodes {
      guard let count = Work.multiplyAdds(of: node, in: graph), count > 0 else { continue }
      work[ModelReport.title(node), default: 0] += count
    }
    multiplyAddsByOperator = work.map { ModelReport.OperatorWork(name: $0, multiplyAdds: $1) }
      .sorted { ($1.multiplyAdds, $0.name) < ($0.multiplyAdds, $1.name) }
    multiplyAdds = work.values.reduce(0, +)
    steps = plan.steps.count
    arenaByteCount = plan.arenaByteCount
    scratchByteCount = plan.scratchByteCount
    packedWeightByteCount = model.program.weights.byteCount
    constantByteCount = plan.constants.reduce(0) { $0 + $1.byteCount }
  }
}
