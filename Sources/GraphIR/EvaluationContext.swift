import CKernels
import Tensors

/// What a host operator is given while the graph runs.
public struct EvaluationContext {
  /// Runs one of the node's subgraphs, named by its attribute, on its inputs. What it captures is given to it.
  public typealias Body = (_ attribute: String, _ inputs: [RuntimeValue]) throws(OperatorError) -> [RuntimeValue]

  public let node: Node
  /// Nil where an optional input is absent.
  public let inputs: [RuntimeValue?]
  public let target: Target
  /// Threads to share the work with, or nil.
  public let pool: OpaquePointer?
  public let control: RunControl
  private let body: Body

  public init(
    node: Node, inputs: [RuntimeValue?], target: Target, pool: OpaquePointer? = nil, control: RunControl,
    body: @escaping Body
  ) {
    self.node = node
    self.inputs = inputs
    self.target = target
    self.pool = pool
    self.control = control
    self.body = body
  }

  public func has(_ index: Int) -> Bool { index < inputs.count && inputs[index] != nil }

  /// Input `index`; throws when it is absent.
  public func value(_ index: Int) throws(OperatorError) -> RuntimeValue {
    guard index < inputs.count, let value = inputs[index] else { throw invalid("input \(index) is missing") }
    return value
  }

  /// The tensor that input `index` is; throws when it is absent or none.
  public func tensor(_ index: Int) throws(OperatorError) -> Tensor {
    guard let tensor = try value(index).tensor else { throw invalid("input \(index) is not a tensor") }
    return tensor
  }

  /// The elements of the sequence that input `index` is; throws when it is absent or none.
  public func sequence(_ index: Int) throws(OperatorError) -> [RuntimeValue] {
    guard let elements = try value(index).sequence else { throw invalid("input \(index) is not a sequence") }
    return elements
  }

  /// The elements of an integer or bool input; throws when it holds others.
  public func integers(_ index: Int) throws(OperatorError) -> [Int] {
    let tensor = try tensor(index)
    guard let values = tensor.integers else { throw invalid("input \(index) must hold integers, not \(tensor.dataType)") }
    return values
  }

  /// The strings of input `index`; throws when it holds others.
  public func strings(_ index: Int) throws(OperatorError) -> [String] {
    let tensor = try tensor(index)
    guard tensor.dataType == .string else { throw invalid("input \(index) must hold strings, not \(tensor.dataType)") }
    return tensor.strings
  }

  /// A new tensor within the run's memory. Every size that inputs decide goes through here.
  ///
  /// - Parameter isZeroed: false when every element is going to be written.
  public func makeTensor(_ dataType: DataType, _ shape: Shape, isZeroed: Bool = true) throws(OperatorError) -> Tensor {
    guard dataType != .string else {
      guard let count = shape.checkedCount else { throw tooLarge("an output of shape \(shape)") }
      try reserve(byteCount: count.multipliedReportingOverflow(by: 16).overflow ? .max : count * 16)
      return try makeTensor(strings: [String](repeating: "", count: count), shape)
    }
    guard let byteCount = shape.checkedCount.flatMap({ dataType.byteCount(of: $0) }),
      let buffer = TensorBuffer(byteCount: byteCount, isZeroed: isZeroed, budget: control.budget)
    else { throw tooLarge("an output of shape \(shape)") }
    return Tensor(dataType, shape, buffer: buffer)
  }

  /// A new tensor of strings within the run's memory.
  public func makeTensor(strings: [String], _ shape: Shape) throws(OperatorError) -> Tensor {
    // Strings of up to 15 bytes need no memory but their own 16.
    let byteCount = strings.reduce(0) { $0 + 16 + ($1.utf8.count > 15 ? $1.utf8.count : 0) }
    guard let buffer = TensorBuffer(byteCount: 0, reserving: byteCount, budget: control.budget) else {
      throw tooLarge("an output of \(strings.count) strings")
    }
    return Tensor(strings: strings, shape: shape, buffer: buffer)
  }

  /// Throws when the run's memory would not hold `byteCount` more bytes: for what is about to be made elsewhere.
  public func reserve(byteCount: Int) throws(OperatorError) {
    guard control.budget.reserve(byteCount) else { throw tooLarge("a result of \(byteCount) bytes") }
    control.budget.release(byteCount)
  }

  /// Throws when the run must stop. Loops ask at every turn.
  public func checkStop() throws(OperatorError) { try control.check(node.label) }

  /// Runs the subgraph that is the node's attribute of this name.
  public func run(_ attribute: String, _ inputs: [RuntimeValue]) throws(OperatorError) -> [RuntimeValue] {
    try body(attribute, inputs)
  }

  /// Calls `work` with what drivers of `CKernels` run on.
  public func withExec(
    scratchByteCount: Int = 0, _ work: (UnsafePointer<vz_exec>) throws(OperatorError) -> Void
  ) throws(OperatorError) {
    guard let scratch = TensorBuffer(byteCount: scratchByteCount, isZeroed: false, budget: control.budget) else {
      throw tooLarge("scratch memory")
    }
    let exec = vz_exec(
      kernels: target.kernels, pool: pool, scratch: scratch.base, scratch_bytes: scratchByteCount)
    try withUnsafePointer(to: exec, work)
    withExtendedLifetime(scratch) {}
  }

  public func invalid(_ reason: String) -> OperatorError { OperatorError(.invalid, node: node.label, reason) }
  public func unsupported(_ reason: String) -> OperatorError { OperatorError(.unsupported, node: node.label, reason) }
  public func tooLarge(_ what: String) -> OperatorError {
    OperatorError(
      .tooLarge, node: node.label, "\(what) does not fit in what is left of \(control.budget.limit >> 20) MiB of memory")
  }
}
