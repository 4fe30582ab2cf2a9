import GraphIR

/// One rewriting of a graph: a name, what it does, and the code that does it.
public struct Pass: Sendable {
  public let name: String
  public let summary: String
  let rewrite: @Sendable (inout Graph, inout PassLog) throws(CompileError) -> Void

  public init(
    _ name: String, _ summary: String,
    rewrite: @escaping @Sendable (inout Graph, inout PassLog) throws(CompileError) -> Void
  ) {
    self.name = name
    self.summary = summary
    self.rewrite = rewrite
  }

  /// Rewrites `graph`; what was done, and what was not and why, goes to `log`.
  public func run(on graph: inout Graph, log: inout PassLog) throws(CompileError) {
    log.currentPass = name
    try rewrite(&graph, &log)
  }
}

/// What passes did and what they left alone, for people who ask why.
public struct PassLog: Sendable {
  public struct Entry: Sendable, Hashable {
    public var pass: String
    public var node: String
    /// What happened, or why nothing did.
    public var message: String
    public var isSkip: Bool
  }
  public private(set) var entries: [Entry] = []
  var currentPass = ""

  public init() {}

  mutating func did(_ message: String, at node: Node) {
    entries.append(Entry(pass: currentPass, node: node.label, message: message, isSkip: false))
  }

  mutating func skipped(_ reason: String, at node: Node) {
    entries.append(Entry(pass: currentPass, node: node.label, message: reason, isSkip: true))
  }
}

/// The passes that a model goes through.
public struct Pipeline: Sendable {
  /// Those that run once, before shapes are known.
  public var passes: [Pass]
  /// Those that run for every plan, when the type of every value is known.
  public var shapedPasses: [Pass]

  public init(_ passes: [Pass], shaped: [Pass] = []) {
    self.passes = passes
    shapedPasses = shaped
  }

  /// What a session uses unless told otherwise.
  public static let standard = Pipeline(
    [
      .foldConstants, .removeIdentities, .recognizeActivations, .foldBatchNormalization, .fuseActivations,
      .removeDeadNodes,
    ],
    shaped: [
      .recognizeGroupNormalization, .fuseAttention, .fuseBiases, .fuseResiduals, .fuseActivations, .commuteUpsampling,
      .fuseInvertedResiduals, .chainProducts, .removeDeadNodes,
    ])

  /// Passes whose result is ONNX again, for models that are written.
  public static let portable = Pipeline([.foldConstants, .removeIdentities, .removeDeadNodes])

  /// No rewriting at all: what every optimization is compared with.
  public static let reference = Pipeline([])

  /// What `CompileOptions.omit` knows: the passes of `standard`, and what happens once shapes are known.
  public static let stageNames = stages.map(\.name)
  /// The names and summaries of all stages, each once, in the order of their first run.
  public static let stages: [(name: String, summary: String)] = {
    var stages: [(name: String, summary: String)] = []
    for pass in standard.passes + standard.shapedPasses where !stages.contains(where: { $0.name == pass.name }) {
      stages.append((pass.name, pass.summary))
    }
    return stages + [elementwiseFusion]
  }()
  /// The name and summary of what joins elementwise operators; not a `Pass`, because it needs shapes.
  public static let elementwiseFusion = (
    name: elementwiseFusionName, summary: "Join elementwise operators into loops that keep what lies between in registers."
  )
  static let elementwiseFusionName = "fuse-elementwise"

  public func run(on graph: inout Graph, log: inout PassLog) throws(CompileError) {
    for pass in passes { try pass.run(on: &graph, log: &log) }
  }

  func runShaped(on graph: inout Graph, log: inout PassLog) throws(CompileError) {
    for pass in shapedPasses { try pass.run(on: &graph, log: &log) }
  }
}
