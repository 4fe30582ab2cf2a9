import Compiler
import GraphIR
import Tensors

extension Session {
  /// Runs the model on inputs of any kind in its order and returns its outputs in its order.
  ///
  /// Where `targets` has a tensor, the result is written into its memory, whoever else sees it, and that tensor is
  /// returned.
  ///
  /// - Precondition: no target overlaps an input or another target.
  public func run(
    values inputs: [RuntimeValue], into targets: [Tensor?], options: RunOptions = RunOptions()
  ) throws(VisemeError) -> [RuntimeValue] {
    guard targets.contains(where: { $0 != nil }) else { return try run(values: inputs, options: options) }
    // What needs more than one plan makes its results where it likes.
    if let binding = try bindingIfPlanned(inputs, outputs: targets) {
      try binding.run(options: options)
      return binding.outputs.map(RuntimeValue.tensor)
    }
    var results = try run(values: inputs, options: options)
    for (index, target) in targets.enumerated() {
      guard let target else { continue }
      try requireType(results[index].type, of: target, output: index)
      results[index].tensor!.withUnsafeBytes { bytes in
        UnsafeMutableRawPointer(mutating: target.baseAddress).copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
      }
      results[index] = .tensor(target)
    }
    return results
  }

  /// Prepares runs from these inputs into these outputs, or into new tensors where `outputs` has none.
  ///
  /// Throws for a model with types that depend on the contents of values: such a model runs by `run` only.
  ///
  /// - Precondition: no output overlaps an input or another output.
  public func binding(_ inputs: [Tensor], outputs: [Tensor?]) throws(VisemeError) -> Binding {
    try binding(try executor(for: inputs.map { TensorType($0.dataType, $0.shape) }), inputs, outputs: outputs)
  }

  private func bindingIfPlanned(_ inputs: [RuntimeValue], outputs: [Tensor?]) throws(VisemeError) -> Binding? {
    var tensors: [Tensor] = []
    for input in inputs {
      guard case .tensor(let tensor) = input, tensor.dataType != .string else { return nil }
      tensors.append(tensor)
    }
    // If there is none because something is wrong, the run that follows finds that too.
    guard let executor = try? executor(for: tensors.map({ TensorType($0.dataType, $0.shape) })) else { return nil }
    return try binding(executor, tensors, outputs: outputs)
  }

  private func binding(_ executor: Executor, _ inputs: [Tensor], outputs: [Tensor?]) throws(VisemeError) -> Binding {
    var targets: [Tensor] = []
    for (index, operand) in executor.plan.outputs.enumerated() {
      if let given = outputs[index] {
        try requireType(.tensor(TensorType(operand.dataType, operand.shape)), of: given, output: index)
        targets.append(given)
      } else {
        targets.append(Tensor(operand.dataType, operand.shape))
      }
    }
    return Binding(model: model, executor: executor, inputs: inputs, outputs: targets)
  }

  private func requireType(_ result: ValueType, of target: Tensor, output index: Int) throws(VisemeError) {
    let given = TensorType(target.dataType, target.shape)
    guard result != .tensor(given) || target.dataType == .string else { return }
    let what = result.tensor.map { "\($0)" } ?? "not a tensor"
    let problem =
      target.dataType == .string
      ? "strings cannot be written into a given tensor" : "the result is \(what) and does not fit the given \(given)"
    throw .compiling(model: model.name, .output(name: model.outputs[index].name, problem: problem))
  }
}

/// One way of running a model, from and into memory that stays where it is. `run` allocates nothing, unless it is given
/// a time limit, or another cancellation than the run before.
///
/// Used by the thread that uses its session.
public final class Binding {
  public let inputs: [Tensor]
  /// Where results are after `run`.
  public let outputs: [Tensor]
  private let model: Model
  private let executor: Executor
  private let sources: UnsafeMutablePointer<UnsafeRawPointer>
  private let targets: UnsafeMutablePointer<UnsafeMutableRawPointer>
  private var control: RunControl?
  private var cancellation: Cancellation?

  init(model: Model, executor: Executor, inputs: [Tensor], outputs: [Tensor]) {
    self.model = model
    self.executor = executor
    self.inputs = inputs
    self.outputs = outputs
    sources = .allocate(capacity: max(inputs.count, 1))
    targets = .allocate(capacity: max(outputs.count, 1))
    for (index, tensor) in inputs.enumerated() { (sources + index).initialize(to: tensor.baseAddress) }
    for (index, tensor) in outputs.enumerated() {
      (targets + index).initialize(to: UnsafeMutableRawPointer(mutating: tensor.baseAddress))
    }
  }

  deinit {
    sources.deallocate()
    targets.deallocate()
  }

  /// Computes the outputs from what the inputs hold.
  public func run(options: RunOptions = RunOptions()) throws(VisemeError) {
    do {
      try executor.run(inputs: sources, outputs: targets, control: control(for: options))
    } catch {
      throw .compiling(model: model.name, .operatorProblem(error))
    }
  }

  /// A plan takes its memory beforehand, so there is none to grant.
  private func control(for options: RunOptions) -> RunControl? {
    guard let cancellation = options.cancellation else {
      return options.timeLimit.map { RunControl(budget: MemoryBudget(limit: 0), timeLimit: $0) }
    }
    if options.timeLimit == nil, cancellation === self.cancellation { return control }
    let made = RunControl(
      budget: MemoryBudget(limit: 0), timeLimit: options.timeLimit, cancellations: [cancellation])
    if options.timeLimit == nil {
      control = made
      self.cancellation = cancellation
    }
    return made
  }
}
