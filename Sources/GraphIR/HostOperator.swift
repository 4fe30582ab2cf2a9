import Tensors

/// An operator whose results are known only once they are computed: their shapes depend on the contents of inputs, or
/// they are not tensors of numbers (sequences, optionals, strings), or they come from running a subgraph.
///
/// Such a node cuts the graph: what is before it runs as a plan, then `evaluate`, and what follows is planned with the
/// types of its results. `infer` says what is known anyway: element types, ranks, `.unknown` extents.
public protocol HostOperator: Operator {
  /// Computes the outputs, one for each that the node lists; what is not wanted (a nil in `node.outputs`) is ignored.
  ///
  /// May allocate, through `context` where sizes come from a model or its inputs. Inputs have been inferred before,
  /// with exact types and contents.
  func evaluate(_ context: EvaluationContext) throws(OperatorError) -> [RuntimeValue]

  /// Whether `kernel` computes the node for inputs of these types, so that it can be planned like any other;
  /// `evaluate` is not called then.
  func hasKernel(_ context: InferenceContext) -> Bool

  /// Whether the same inputs give the same outputs; others are never computed ahead of a run.
  var isDeterministic: Bool { get }
}

extension HostOperator {
  public func hasKernel(_ context: InferenceContext) -> Bool { false }
  public var isDeterministic: Bool { true }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    throw context.unsupported("its result is known only once it is computed")
  }
}
