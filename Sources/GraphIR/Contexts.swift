import CKernels
import Tensors

/// What is known of a node's inputs while types are worked out.
public struct InferenceContext: Sendable {
  /// One input: its type, and its contents when they are known.
  public struct Input: Sendable {
    public var type: ValueType
    public var constant: Tensor?
    public init(type: ValueType, constant: Tensor? = nil) {
      self.type = type
      self.constant = constant
    }
  }

  public let node: Node
  /// Nil where an optional input is absent.
  public let inputs: [Input?]

  public init(node: Node, inputs: [Input?]) {
    self.node = node
    self.inputs = inputs
  }

  public func has(_ index: Int) -> Bool { index < inputs.count && inputs[index] != nil }

  /// What is known of tensor input `index`; throws when it is absent or not a tensor.
  public func tensor(_ index: Int) throws(OperatorError) -> TensorType {
    guard index < inputs.count, let input = inputs[index] else { throw invalid("input \(index) is missing") }
    switch input.type {
    case .tensor(let type): return type
    case .unknown: return TensorType(nil, nil as [Dimension]?)
    case .sequence, .optional: throw invalid("input \(index) is not a tensor")
    }
  }

  /// The shape of input `index` if it is known in full.
  public func shape(_ index: Int) throws(OperatorError) -> Shape? { try tensor(index).shape }

  public func constant(_ index: Int) -> Tensor? { index < inputs.count ? inputs[index]?.constant : nil }

  /// The contents of an integer input, if they are known; throws when it is not of an integer type.
  public func integers(_ index: Int) throws(OperatorError) -> [Int]? {
    guard let tensor = constant(index) else { return nil }
    guard let values = tensor.integers else { throw invalid("input \(index) must hold integers, not \(tensor.dataType)") }
    return values
  }

  public func invalid(_ reason: String) -> OperatorError { OperatorError(.invalid, node: node.label, reason) }
  public func unsupported(_ reason: String) -> OperatorError { OperatorError(.unsupported, node: node.label, reason) }
}

/// An operand whose place in memory is decided.
public struct Operand: Sendable {
  public var dataType: DataType
  /// The logical shape: N, C, then space, whatever the layout.
  public var shape: Shape
  public var layout: Layout
  /// The contents of a constant operand.
  public var constant: Tensor?

  public init(dataType: DataType, shape: Shape, layout: Layout = .rowMajor, constant: Tensor? = nil) {
    self.dataType = dataType
    self.shape = shape
    self.layout = layout
    self.constant = constant
  }

  public var count: Int { shape.count }
  public var byteCount: Int { dataType.byteCount(of: layout.elementCount(of: shape))! }
  /// Elements between neighbours along each logical axis.
  public var strides: [Int] { layout.strides(of: shape) }
}

/// What an operator is told when it is asked for its layout.
public struct LayoutContext: Sendable {
  public let node: Node
  public let inputs: [Operand?]
  public let outputs: [Operand?]

  public init(node: Node, inputs: [Operand?], outputs: [Operand?]) {
    self.node = node
    self.inputs = inputs
    self.outputs = outputs
  }
}

/// What an operator is told when it is asked for a kernel: exact shapes, layouts, and the machine.
public struct KernelContext: Sendable {
  public let node: Node
  public let inputs: [Operand?]
  public let outputs: [Operand?]
  public let target: Target
  private let weights: WeightCache

  public init(node: Node, inputs: [Operand?], outputs: [Operand?], target: Target, weights: WeightCache) {
    self.node = node
    self.inputs = inputs
    self.outputs = outputs
    self.target = target
    self.weights = weights
  }

  /// The same context for another node with other inputs: for operators that let another one compute.
  public func replacing(node: Node, inputs: [Operand?]) -> KernelContext {
    KernelContext(node: node, inputs: inputs, outputs: outputs, target: target, weights: weights)
  }

  public func has(_ index: Int) -> Bool { index < inputs.count && inputs[index] != nil }

  public func input(_ index: Int) throws(OperatorError) -> Operand {
    guard index < inputs.count, let input = inputs[index] else { throw invalid("input \(index) is missing") }
    return input
  }

  public func output(_ index: Int) throws(OperatorError) -> Operand {
    guard index < outputs.count, let output = outputs[index] else { throw invalid("output \(index) is missing") }
    return output
  }

  public func constant(_ index: Int) -> Tensor? { index < inputs.count ? inputs[index]?.constant : nil }

  /// Where constant weights will be in the form that the kernel reads, made once per program and shared by every plan
  /// and session.
  ///
  /// - Parameters:
  ///   - purpose: names the packing, with all that it depends on besides the node: `"conv/avx512/32"`.
  ///   - isIntact: whether what kernels trust in packed bytes that come from a file, such as sizes, is what `fill` writes.
  ///   - fill: writes every byte. It is called before the kernel runs, but maybe not before this returns, and on any
  ///     thread.
  public func packed(
    _ purpose: String, byteCount: Int, isIntact: @Sendable (UnsafeRawPointer) -> Bool = { _ in true },
    _ fill: @escaping @Sendable (UnsafeMutableRawPointer) -> Void
  ) -> TensorBuffer {
    weights.buffer(
      node: node, purpose: purpose, byteCount: byteCount, sources: inputs.compactMap { $0?.constant },
      isIntact: isIntact, fill)
  }

  public func invalid(_ reason: String) -> OperatorError { OperatorError(.invalid, node: node.label, reason) }
  public func unsupported(_ reason: String) -> OperatorError { OperatorError(.unsupported, node: node.label, reason) }
}

/// The machine a kernel is made for.
public struct Target: @unchecked Sendable {
  public let level: vz_cpu_level
  public let kernels: UnsafePointer<vz_kernels>
  public let threads: Int
  /// True in reference mode, where operators use scalar kernels and no fast paths.
  public let isReference: Bool

  /// True where packed weights must not take more memory than the model's, even if more would be faster.
  public let savesMemory: Bool

  public init(
    level: vz_cpu_level = vz_cpu_default(), threads: Int, isReference: Bool = false, savesMemory: Bool = false
  ) {
    self.savesMemory = savesMemory
    self.level = isReference ? VZ_CPU_SCALAR : level
    kernels = vz_kernels_at(self.level)
    self.threads = threads
    self.isReference = isReference
  }
}
