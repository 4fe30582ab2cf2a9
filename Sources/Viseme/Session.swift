import CKernels
import Compiler
import GraphIR
import Tensors

/// Runs a model. Keeps threads, and for every combination of input types it met plans with their memory.
///
/// Used by one thread at a time; many sessions may share one model.
public final class Session {
  public let model: Model
  private let pool: ThreadPool
  private let runner: GraphRunner

  /// - Parameter pool: threads to share with other sessions that never run at the same time; by default the session
  ///   starts its own.
  public init(_ model: Model, pool: ThreadPool? = nil) {
    self.model = model
    self.pool = pool ?? ThreadPool(threads: model.program.options.threads)
    runner = GraphRunner(model.program, pool: self.pool.handle)
  }

  /// Runs the model on named inputs and returns its named outputs, which must all be tensors.
  public func run(
    _ inputs: [String: Tensor], options: RunOptions = RunOptions()
  ) throws(VisemeError) -> [String: Tensor] {
    try named(try run(try ordered(inputs), options: options))
  }

  /// Runs the model on inputs in its own order and returns its outputs, which must all be tensors, in its order.
  public func run(_ inputs: [Tensor], options: RunOptions = RunOptions()) throws(VisemeError) -> [Tensor] {
    let values = try run(values: inputs.map(RuntimeValue.tensor), options: options)
    var tensors: [Tensor] = []
    for (value, name) in zip(values, outputNames) {
      guard let tensor = value.tensor else {
        throw .compiling(model: model.name, .output(name: name, problem: "it is \(value.type), not a tensor"))
      }
      tensors.append(tensor)
    }
    return tensors
  }

  /// Runs the model on named inputs of any kind and returns its named outputs.
  public func run(
    values inputs: [String: RuntimeValue], options: RunOptions = RunOptions()
  ) throws(VisemeError) -> [String: RuntimeValue] {
    try named(try run(values: try ordered(inputs), options: options))
  }

  /// Runs the model on inputs of any kind in its own order and returns its outputs in its order.
  ///
  /// An input that the model declares as optional may be given as it is, without `.optional` around it.
  public func run(
    values inputs: [RuntimeValue], options: RunOptions = RunOptions()
  ) throws(VisemeError) -> [RuntimeValue] {
    let made = runner.madeStageCount
    defer { if runner.madeStageCount > made { model.finishPreparation() } }
    let graph = model.program.graph
    let given = inputs.enumerated().map { index, value in
      index < graph.inputs.count ? value.wrapped(for: graph[graph.inputs[index]].type) : value
    }
    do {
      return try runner.run(given, control: control(options))
    } catch {
      throw .compiling(model: model.name, error)
    }
  }

  /// What the run may take: of the memory, what weights and plans leave.
  private func control(_ options: RunOptions) -> RunControl {
    let program = model.program
    let left = program.options.memoryLimit - program.weightByteCount - runner.arenaByteCount
    return RunControl(
      budget: MemoryBudget(limit: max(left, 0)), timeLimit: options.timeLimit,
      cancellations: options.cancellation.map { [$0] } ?? [])
  }

  private var outputNames: [String] { model.program.graph.outputs.map { model.program.graph[$0].name } }

  private func ordered<Value>(_ inputs: [String: Value]) throws(VisemeError) -> [Value] {
    let graph = model.program.graph
    let names = graph.inputs.map { graph[$0].name }
    for name in inputs.keys where !names.contains(name) {
      throw .unknownName(model: model.name, name: name, known: names)
    }
    var ordered: [Value] = []
    for (name, id) in zip(names, graph.inputs) {
      guard let value = inputs[name] else {
        throw .compiling(
          model: model.name, .input(name: name, problem: "it is not given; the model wants \(graph[id].type)"))
      }
      ordered.append(value)
    }
    return ordered
  }

  /// A model may list an output twice; both are the same value.
  private func named<Value>(_ outputs: [Value]) throws(VisemeError) -> [String: Value] {
    Dictionary(zip(outputNames, outputs)) { first, _ in first }
  }

  func executor(for types: [TensorType]) throws(VisemeError) -> Executor {
    do {
      let made = runner.madeStageCount
      defer { if runner.madeStageCount > made { model.finishPreparation() } }
      return try runner.executor(for: types)
    } catch {
      throw .compiling(model: model.name, error)
    }
  }

  /// A run with fixed shapes and memory of its own, for loops that must not allocate.
  ///
  /// Throws for a model with types that depend on the contents of values: such a model runs by `run` only.
  ///
  /// - Parameter shapes: the shape of every input whose extents the model leaves open; others may be left out.
  public func invocation(_ shapes: [String: Shape] = [:]) throws(VisemeError) -> Invocation {
    var types: [TensorType] = []
    for (name, type) in model.inputs {
      guard let shape = shapes[name] ?? type.shape else {
        throw .compiling(
          model: model.name, .input(name: name, problem: "its shape \(type) is open and none is given"))
      }
      types.append(TensorType(type.dataType ?? .float32, shape))
    }
    return Invocation(model: model, executor: try executor(for: types))
  }
}

/// One way of running a model: fixed shapes, and buffers that stay where they are.
///
/// Fill the inputs, call `run`, read the outputs. Nothing is allocated by `run`.
public final class Invocation {
  private let model: Model
  private let executor: Executor
  private let inputs: [Tensor]
  private let outputs: [Tensor]
  private let sources: UnsafeMutablePointer<UnsafeRawPointer>
  private let targets: UnsafeMutablePointer<UnsafeMutableRawPointer>

  init(model: Model, executor: Executor) {
    self.model = model
    self.executor = executor
    inputs = executor.plan.inputs.map { Tensor($0.dataType!, $0.shape!) }
    outputs = executor.plan.outputs.map { Tensor($0.dataType, $0.shape) }
    sources = .allocate(capacity: max(inputs.count, 1))
    targets = .allocate(capacity: max(outputs.count, 1))
    for (index, tensor) in inputs.enumerated() { (sources + index).initialize(to: tensor.baseAddress) }
    for (index, tensor) in outputs.enumerated() { (targets + index).initialize(to: tensor.buffer.base) }
  }

  deinit {
    sources.deallocate()
    targets.deallocate()
  }

  /// The float elements of input `name`, to be filled before `run`; they keep their values from run to run.
  public func input(_ name: String) throws(VisemeError) -> UnsafeMutableBufferPointer<Float> {
    let index = try index(of: name, in: model.inputs.map(\.name), of: inputs)
    return UnsafeMutableBufferPointer(
      start: inputs[index].buffer.base.assumingMemoryBound(to: Float.self), count: inputs[index].count)
  }

  /// The float elements of output `name`, valid after `run` until the next one.
  public func output(_ name: String) throws(VisemeError) -> UnsafeBufferPointer<Float> {
    let index = try index(of: name, in: model.outputs.map(\.name), of: outputs)
    return UnsafeBufferPointer(
      start: outputs[index].baseAddress.assumingMemoryBound(to: Float.self), count: outputs[index].count)
  }

  public func outputShape(_ name: String) throws(VisemeError) -> Shape {
    outputs[try index(of: name, in: model.outputs.map(\.name), of: outputs)].shape
  }

  private func index(of name: String, in names: [String], of tensors: [Tensor]) throws(VisemeError) -> Int {
    guard let index = names.firstIndex(of: name) else {
      throw .unknownName(model: model.name, name: name, known: names)
    }
    guard tensors[index].dataType == .float32 else {
      throw .compiling(
        model: model.name, .input(name: name, problem: "it holds \(tensors[index].dataType), not float elements"))
    }
    return index
  }

  /// Computes the outputs from what the inputs hold.
  public func run() throws(VisemeError) {
    do {
      try executor.run(inputs: sources, outputs: targets)
    } catch {
      throw .compiling(model: model.name, .operatorProblem(error))
    }
  }

  /// Fills all inputs, in the model's order.
  ///
  /// - Precondition: the tensors have the types and shapes of the plan's inputs.
  public func fill(_ tensors: [Tensor]) {
    precondition(tensors.count == inputs.count)
    for (input, tensor) in zip(inputs, tensors) {
      precondition(input.dataType == tensor.dataType && input.shape == tensor.shape)
      tensor.withUnsafeBytes { bytes in
        if let source = bytes.baseAddress { input.buffer.base.copyMemory(from: source, byteCount: bytes.count) }
      }
    }
  }

  /// What the last run computed, in the model's order.
  public var outputTensors: [Tensor] {
    outputs.map { output in
      let copy = Tensor(output.dataType, output.shape)
      copy.buffer.base.copyMemory(from: output.baseAddress, byteCount: output.byteCount)
      return copy
    }
  }

  /// What step `step` made, by name and in the model's own layout. For an observer, right after the step.
  public func results(ofStep step: Int) -> [(name: String, tensor: Tensor)] {
    plan.steps[step].results.enumerated().compactMap { slot, result in
      guard let result, let source = executor.address(ofOutput: slot, ofStep: step),
        let tensor = Tensor(copying: source, laidOutAs: result.operand)
      else { return nil }
      return (result.name, tensor)
    }
  }

  /// The plan behind the invocation, for reports and profiles.
  public var plan: Plan { executor.plan }

  /// Sees every step of `run`; held weakly.
  public var observer: (any StepObserver)? {
    get { executor.observer }
    set { executor.observer = newValue }
  }
}
