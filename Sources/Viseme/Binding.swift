import Compiler
import GraphIR
import Tensors

extension Session {
  /// Runs the model on inputs in its order and returns its outputs in its order.
  ///
  /// Where `targets` has a tensor, the result is written into its memory, whoever else sees it, and that tensor is
  /// returned.
  ///
  /// - Precondition: no target overlaps an input or another target.
  public func run(_ inputs: [Tensor], into targets: [Tensor?]) throws(VisemeError) -> [Tensor] {
    let binding = try binding(inputs, outputs: targets)
    try binding.run()
    return binding.outputs
  }

  /// Prepares runs from these inputs into these outputs, or into new tensors where `outputs` has none.
  ///
  /// - Precondition: no output overlaps an input or another output.
  public func binding(_ inputs: [Tensor], outputs: [Tensor?]) throws(VisemeError) -> Binding {
    let executor = try executor(for: inputs.map { TensorType($0.dataType, $0.shape) })
    var targets: [Tensor] = []
    for (index, (operand, given)) in zip(executor.plan.outputs, outputs).enumerated() {
      guard let given else {
        targets.append(Tensor(operand.dataType, operand.shape))
        continue
      }
      guard given.dataType == operand.dataType, given.shape == operand.shape else {
        let problem =
          "its result is \(TensorType(operand.dataType, operand.shape)) and does not fit the given "
          + "\(TensorType(given.dataType, given.shape))"
        throw .compiling(model: model.name, .input(name: model.outputs[index].name, problem: problem))
      }
      targets.append(given)
    }
    return Binding(model: model, executor: executor, inputs: inputs, outputs: targets)
  }
}

/// One way of running a model, from and into memory that stays where it is. `run` allocates nothing.
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
  public func run() throws(VisemeError) {
    do {
      try executor.run(inputs: sources, outputs: targets)
    } catch {
      throw .compiling(model: model.name, .operatorProblem(error))
    }
  }
}
