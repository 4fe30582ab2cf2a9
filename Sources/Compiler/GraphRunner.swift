import GraphIR
import Operators
import Tensors

/// Runs a graph, in one stage or several, and keeps the stages it made for the types it met.
///
/// Used by one thread at a time.
public final class GraphRunner {
  public let program: Program
  private let pool: OpaquePointer?
  /// False for subgraphs, whose declared types need not hold for every turn of a loop.
  private let checksInputs: Bool
  private var first = StageCache()
  private var bodies: [BodyKey: GraphRunner] = [:]
  private var ownStageCount = 0
  private var laterStageCount = 0

  /// Stages after the first that are kept before all are forgotten.
  static let laterStageLimit = 256

  /// - Parameter pool: threads to share the work with; borrowed, and used by one run at a time.
  public convenience init(_ program: Program, pool: OpaquePointer?) {
    self.init(program, pool: pool, checksInputs: true)
  }

  private init(_ program: Program, pool: OpaquePointer?, checksInputs: Bool) {
    self.program = program
    self.pool = pool
    self.checksInputs = checksInputs
  }

  /// The executor for inputs of exactly these types; throws when the graph needs more than one plan.
  public func executor(for types: [TensorType]) throws(CompileError) -> Executor {
    let stage = try first(for: types.map(ValueType.tensor))
    if let obstacle = stage.plan.obstacle { throw .operatorProblem(obstacle) }
    return stage.executor!
  }

  /// Runs the graph on values for its inputs and returns its outputs.
  public func run(_ inputs: [RuntimeValue], control: RunControl) throws(CompileError) -> [RuntimeValue] {
    dropStagesIfMany()
    var stage = try first(for: inputs.map(\.type))
    if stage.plan.obstacle == nil, let executor = stage.executor {
      return try reporting { () throws(OperatorError) in
        try executor.run(inputs.map { $0.tensor! }, control: control).map(RuntimeValue.tensor)
      }
    }
    var values = [RuntimeValue?](repeating: nil, count: program.graph.values.count)
    for (id, value) in zip(program.graph.inputs, inputs) { values[id.index] = value }
    while true {
      try run(stage, &values, control)
      guard let rest = stage.plan.rest else { break }
      // What nobody will read again goes.
      var kept = [RuntimeValue?](repeating: nil, count: values.count)
      for id in rest.inputs { kept[id.index] = values[id.index] }
      values = kept
      stage = try stage.next.stage(for: rest.inputs.map { values[$0.index]!.type }) { types throws(CompileError) in
        laterStageCount += 1
        return try make(rest, types)
      }
    }
    return program.graph.outputs.map { values[$0.index] ?? .tensor(stage.plan.constants[$0]!) }
  }

  private func run(_ stage: Stage, _ values: inout [RuntimeValue?], _ control: RunControl) throws(CompileError) {
    if let executor = stage.executor {
      let inputs = stage.plan.planInputs.map { values[$0.index]!.tensor! }
      let outputs = try reporting { () throws(OperatorError) in try executor.run(inputs, control: control) }
      for (id, tensor) in zip(stage.plan.planOutputs, outputs) { values[id.index] = .tensor(tensor) }
    }
    let evaluator = NodeEvaluator(target: program.target, pool: pool, control: control)
    for node in stage.plan.hosted {
      func value(_ id: ValueID) -> RuntimeValue { values[id.index] ?? .tensor(stage.plan.constants[id]!) }
      let body = body(of: node, control, value)
      let results = try reporting { () throws(OperatorError) in
        try control.check(node.label)
        return try evaluator.evaluate(node, node.inputs.map { $0.map(value) }, body: body)
      }
      for (id, result) in zip(node.outputs, results) { if let id { values[id.index] = result } }
    }
  }

  // MARK: Subgraphs

  /// What runs the node's subgraphs, with what they capture as it is now.
  private func body(
    of node: Node, _ control: RunControl, _ value: (ValueID) -> RuntimeValue
  ) -> EvaluationContext.Body {
    guard node.hasSubgraphs, let output = node.outputs.lazy.compactMap({ $0 }).first else { return NodeEvaluator.noBody() }
    var runs: [String: (runner: GraphRunner, captured: [RuntimeValue])] = [:]
    for name in node.attributes.keys {
      let key = BodyKey(output: output, attribute: name)
      guard let body = program.bodies[key] else { continue }
      let runner = bodies[key] ?? GraphRunner(body.program, pool: pool, checksInputs: false)
      bodies[key] = runner
      runs[name] = (runner, body.captures.map(value))
    }
    let label = node.label
    return { (attribute, inputs) throws(OperatorError) in
      guard let (runner, captured) = runs[attribute] else {
        throw OperatorError(.invalid, node: label, "the subgraph “\(attribute)” is missing")
      }
      let wanted = runner.program.graph.inputs.count - captured.count
      guard inputs.count == wanted else {
        throw OperatorError(
          .invalid, node: label, "the subgraph “\(attribute)” has \(wanted) inputs; it is given \(inputs.count)")
      }
      do throws(CompileError) {
        return try runner.run(inputs + captured, control: control)
      } catch {
        throw error.operatorError(in: label)
      }
    }
  }

  private func reporting<Result>(_ work: () throws(OperatorError) -> Result) throws(CompileError) -> Result {
    do throws(OperatorError) { return try work() } catch { throw .operatorProblem(error) }
  }

  // MARK: Stages

  private func first(for types: [ValueType]) throws(CompileError) -> Stage {
    try first.stage(for: types) { types throws(CompileError) in
      if checksInputs { try InputCheck(program.graph).check(types) }
      return try make(program.graph, types)
    }
  }

  /// Forgets all stages when those after the first, which multiply where types vary from run to run, have become many.
  private func dropStagesIfMany() {
    guard laterStageCount > Self.laterStageLimit else { return }
    first = StageCache()
    laterStageCount = 0
  }

  private func make(_ graph: Graph, _ types: [ValueType]) throws(CompileError) -> Stage {
    var builder = StageBuilder(program, graph, types: types)
    let plan = try builder.build()
    ownStageCount += 1
    return Stage(plan, plan.plan.map { Executor($0, program: program, pool: pool) })
  }

  /// Bytes of the memory between steps that is kept from run to run.
  public var arenaByteCount: Int {
    bodies.values.reduce(first.arenaByteCount) { $0 + $1.arenaByteCount }
  }

  /// Stages made so far: a run for types that were met before makes none.
  public var madeStageCount: Int { bodies.values.reduce(ownStageCount) { $0 + $1.madeStageCount } }
}
