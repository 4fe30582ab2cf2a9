import CKernels
import GraphIR
import Operators
import Tensors

/// Runs one node through the operator contract: decode, infer, choose layouts, make the kernel, run it.
///
/// Around the run it checks what every operator promises: that inference agrees with itself when less is known, that
/// kernels write inside their outputs and scratch only, leave their inputs alone, do not read inputs they call unread,
/// and give the same bits again, in place as well.
struct OperatorRunner: Sendable {
  var name: String
  var domain: String
  var version: Int
  var attributes: [String: Attribute]
  /// Which outputs the node names; absent ones are false.
  var outputs: [Bool]
  /// How many of the inputs are appended by `transform`, so that the node is decoded without them.
  var fusedInputs: Int
  /// Applied to the decoded operator before anything else: where tests fuse.
  var transform: @Sendable (any Operator) -> any Operator

  init(
    _ name: String, domain: String = "", version: Int, attributes: [String: Attribute] = [:], outputs: [Bool] = [true],
    fusedInputs: Int = 0, transform: @escaping @Sendable (any Operator) -> any Operator = { $0 }
  ) {
    self.name = name
    self.domain = domain
    self.version = version
    self.attributes = attributes
    self.outputs = outputs
    self.fusedInputs = fusedInputs
    self.transform = transform
  }

  /// Runs the node and returns the outputs it names, row-major.
  ///
  /// - Parameter constants: indices of the inputs that the operator sees as constants.
  func run(
    _ inputs: [Tensor?], constants: Set<Int> = [], on setting: Setting = .reference
  ) throws(RunnerError) -> [Tensor] {
    let absent = Set(inputs.indices.filter { inputs[$0] == nil })
    let node = makeNode(inputCount: inputs.count, absent: absent)
    let implementation = transform(try wrap { () throws(OperatorError) in
      try OperatorRegistry.standard.implementation(
        of: makeNode(inputCount: inputs.count - fusedInputs, absent: absent))
    })
    let types = try infer(implementation, node, inputs, constants)
    if let folded = types.folded { return zip(folded, outputs).filter(\.1).map(\.0) }
    if let host = implementation as? any HostOperator, !host.hasKernel(context(node, inputs, constants)) {
      let values = try evaluate(host, node, inputs.map { $0.map(RuntimeValue.tensor) }, types.types, on: setting)
      let tensors = values.compactMap(\.tensor)
      guard tensors.count == values.count else { throw RunnerError("an output is not a tensor") }
      return tensors
    }
    return try Run(
      node: node, implementation: implementation, inputs: inputs, constants: constants, wanted: outputs,
      outputTypes: types.types.map { $0.tensor ?? TensorType(nil, nil as [Dimension]?) }, setting: setting
    ).outputs()
  }

  func makeNode(inputCount: Int, absent: Set<Int> = []) -> Node {
    Node(
      name: "test", operatorName: name, domain: domain, version: version,
      inputs: (0..<inputCount).map { absent.contains($0) ? nil : ValueID(index: $0) },
      outputs: outputs.enumerated().map { $0.element ? ValueID(index: inputCount + $0.offset) : nil },
      attributes: attributes)
  }

  private func context(_ node: Node, _ inputs: [Tensor?], _ constants: Set<Int>) -> InferenceContext {
    InferenceContext(
      node: node,
      inputs: inputs.enumerated().map { index, tensor in
        tensor.map {
          InferenceContext.Input(
            type: .tensor(TensorType($0.dataType, $0.shape)), constant: constants.contains(index) ? $0 : nil)
        }
      })
  }

  /// Output types with everything known, checked against what inference says when less is known.
  private func infer(
    _ implementation: any Operator, _ node: Node, _ inputs: [Tensor?], _ constants: Set<Int>
  ) throws(RunnerError) -> (types: [ValueType], folded: [Tensor]?) {
    func context(dims: (Tensor) -> [Dimension]?, constants: Set<Int>) -> InferenceContext {
      InferenceContext(
        node: node,
        inputs: inputs.enumerated().map { index, tensor in
          tensor.map {
            let isConstant = constants.contains(index)
            let known = isConstant ? $0.shape.dims.map(Dimension.fixed) : dims($0)
            return InferenceContext.Input(
              type: .tensor(TensorType($0.dataType, known)), constant: isConstant ? $0 : nil)
          }
        })
    }
    let full = context(dims: { $0.shape.dims.map(Dimension.fixed) }, constants: constants)
    let folded = try wrap { () throws(OperatorError) in try implementation.fold(full) }
    let types = try wrap { () throws(OperatorError) in try implementation.infer(full) }
    guard types.count >= outputs.lastIndex(of: true).map({ $0 + 1 }) ?? 0 else {
      throw RunnerError("infer gives \(types.count) types for \(outputs.count) outputs")
    }
    let weaker = [
      ("extents", context(dims: { $0.shape.dims.map { _ in .unknown } }, constants: constants)),
      ("ranks", context(dims: { _ in nil }, constants: constants)),
      ("constants", context(dims: { $0.shape.dims.map(Dimension.fixed) }, constants: [])),
      ("anything", context(dims: { _ in nil }, constants: [])),
    ]
    for (missing, context) in weaker {
      let less = try wrap { () throws(OperatorError) in try implementation.infer(context) }
      guard less.count == types.count else { throw RunnerError("without \(missing), infer gives \(less.count) types") }
      for (output, (a, b)) in zip(less, types).enumerated() where !a.isCompatible(with: b) {
        throw RunnerError("without \(missing), infer says \(a) of output \(output), which is \(b)")
      }
    }
    return (types, folded)
  }
}

extension OperatorRunner {
  /// One way to run: which kernels, how many threads, which layout where the operator leaves the choice.
  struct Setting: Sendable, CustomStringConvertible {
    var level: vz_cpu_level
    var isReference: Bool
    var threads: Int
    /// Channels-last where the operator allows it.
    var channelsLast: Bool
    /// Extra elements between the pixels of channels-last operands.
    var padding: Int

    static let reference = Setting(
      level: VZ_CPU_SCALAR, isReference: true, threads: 1, channelsLast: false, padding: 0)

    /// Reference, then each level this machine has, in both layouts, with one and two threads.
    static let all: [Setting] = {
      var levels = [vz_cpu_level](repeating: VZ_CPU_SCALAR, count: Int(VZ_CPU_LEVELS))
      let count = vz_cpu_levels(&levels)
      var settings = [
        reference, Setting(level: VZ_CPU_SCALAR, isReference: true, threads: 1, channelsLast: true, padding: 0),
      ]
      for level in levels.prefix(count) {
        for channelsLast in [false, true] {
          for threads in [1, 2] {
            settings.append(
              Setting(
                level: level, isReference: false, threads: threads, channelsLast: channelsLast,
                padding: threads == 1 ? 0 : 5))
          }
        }
      }
      return settings
    }()

    var description: String {
      let name = isReference ? "reference" : String(cString: vz_cpu_name(level))
      let layout = channelsLast ? "channels last" + (padding > 0 ? " padded by \(padding)" : "") : "row-major"
      return "\(name), \(threads) thread\(threads > 1 ? "s" : ""), \(layout)"
    }
  }
}

/// What the operator refused, or a promise it broke.
struct RunnerError: Error, CustomStringConvertible {
  var description: String
  /// The operator's own error, if it threw one.
  var operatorError: OperatorError?

  init(_ description: String) { self.description = description }
  init(_ error: OperatorError) {
    description = error.description
    operatorError = error
  }
}

func wrap<Result>(_ body: () throws(OperatorError) -> Result) throws(RunnerError) -> Result {
  do { return try body() } catch { throw RunnerError(error) }
}

extension ValueType {
  /// True when nothing known here contradicts `other`.
  func isCompatible(with other: ValueType) -> Bool {
    switch (self, other) {
    case (.unknown, _), (_, .unknown): return true
    case (.sequence(let a), .sequence(let b)), (.optional(let a), .optional(let b)): return a.isCompatible(with: b)
    default: break
    }
    guard case .tensor(let mine) = self, case .tensor(let theirs) = other else { return false }
    guard mine.dataType == nil || theirs.dataType == nil || mine.dataType == theirs.dataType else { return false }
    guard let dims = mine.dims, let others = theirs.dims else { return true }
    guard dims.count == others.count else { return false }
    return zip(dims, others).allSatisfy { $0.value == nil || $1.value == nil || $0 == $1 }
  }
}
