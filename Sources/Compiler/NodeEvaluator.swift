import CKernels
import GraphIR
import Operators
import Tensors

/// Computes single nodes whose inputs are there: constants while a graph is compiled, and while it runs those nodes that
/// no plan can hold.
struct NodeEvaluator {
  let target: Target
  let pool: OpaquePointer?
  let control: RunControl

  init(target: Target, pool: OpaquePointer? = nil, control: RunControl) {
    self.target = target
    self.pool = pool
    self.control = control
  }

  /// The results of `node`, one for each output it lists.
  ///
  /// - Parameter body: runs the node's subgraphs.
  func evaluate(
    _ node: Node, _ inputs: [RuntimeValue?], body: @escaping EvaluationContext.Body = NodeEvaluator.noBody()
  ) throws(OperatorError) -> [RuntimeValue] {
    guard let implementation = node.implementation else {
      throw OperatorError(.unsupported, node: node.label, "its operator was not resolved")
    }
    if let strings = StringRanks(node, inputs) {
      return try strings.restored(try evaluate(node, strings.ranked, body: body), of: node)
    }
    let known = InferenceContext(
      node: node, inputs: inputs.map { $0.map { InferenceContext.Input(type: $0.type, constant: $0.tensor) } })
    let types = try implementation.infer(known)
    if let host = implementation as? any HostOperator, !host.hasKernel(known) {
      let context = EvaluationContext(
        node: node, inputs: inputs, target: target, pool: pool, control: control, body: body)
      let results = try host.evaluate(context)
      guard results.count >= node.outputs.count else { throw context.invalid("makes \(results.count) outputs only") }
      return results
    }
    if let folded = try implementation.fold(known) { return folded.map(RuntimeValue.tensor) }
    return try compute(node, implementation, inputs, types)
  }

  static func noBody() -> EvaluationContext.Body {
    { (attribute, _) throws(OperatorError) in
      throw OperatorError(.unsupported, node: "subgraph “\(attribute)”", "it cannot run here")
    }
  }

  /// Runs the operator's kernel once.
  private func compute(
    _ node: Node, _ implementation: any Operator, _ inputs: [RuntimeValue?], _ types: [ValueType]
  ) throws(OperatorError) -> [RuntimeValue] {
    var tensors: [Tensor?] = []
    for (index, input) in inputs.enumerated() {
      guard let input else { tensors.append(nil); continue }
      guard let tensor = input.tensor, tensor.dataType != .string else {
        throw OperatorError(.unsupported, node: node.label, "cannot work on input \(index), which is \(input.type)")
      }
      tensors.append(tensor.aligned)
    }
    let outputs = try operands(node, types)
    let context = KernelContext(
      node: node,
      inputs: tensors.map { $0.map { Operand(dataType: $0.dataType, shape: $0.shape, constant: $0) } },
      outputs: outputs, target: target, weights: WeightCache(names: []))
    let kernel = try implementation.kernel(context)
    switch kernel.effect {
    case .view(let input, let byteOffset):
      guard let source = tensors[input], let output = outputs[0] else { throw context.invalid("its input is missing") }
      return [
        .tensor(
          Tensor(output.dataType, output.shape, buffer: source.buffer, byteOffset: source.byteOffset + byteOffset))
      ]
    case .compute(let run):
      return try execute(node, kernel, run, tensors, outputs).map(RuntimeValue.tensor)
    }
  }

  /// The outputs with their exact types; nil where they are not wanted.
  private func operands(_ node: Node, _ types: [ValueType]) throws(OperatorError) -> [Operand?] {
    var operands: [Operand?] = []
    for (index, id) in node.outputs.enumerated() {
      guard id != nil else { operands.append(nil); continue }
      guard index < types.count, let type = types[index].tensor, let shape = type.shape, let dataType = type.dataType
      else {
        throw OperatorError(.unsupported, node: node.label, "the type of its output \(index) cannot be told")
      }
      operands.append(Operand(dataType: dataType, shape: shape))
    }
    return operands
  }

  private func execute(
    _ node: Node, _ kernel: Kernel, _ run: @Sendable (Operands) throws(OperatorError) -> Void, _ inputs: [Tensor?],
    _ outputs: [Operand?]
  ) throws(OperatorError) -> [Tensor] {
    let context = EvaluationContext(
      node: node, inputs: [], target: target, pool: pool, control: control, body: Self.noBody())
    var results: [Tensor?] = []
    for output in outputs {
      guard let output else { results.append(nil); continue }
      results.append(try context.makeTensor(output.dataType, output.shape))
    }
    let pointers = inputs.map { $0.map { UnsafeMutableRawPointer(mutating: $0.baseAddress) } }
      + results.map { $0?.buffer.base }
    var failure: OperatorError?
    try context.withExec(scratchByteCount: kernel.scratchByteCount) { exec throws(OperatorError) in
      withExtendedLifetime((inputs, results, kernel)) {
        pointers.withUnsafeBufferPointer { pointers in
          do throws(OperatorError) {
            try run(Operands(pointers: pointers.baseAddress!, inputCount: inputs.count, exec: exec))
          } catch {
            failure = error
          }
        }
      }
    }
    if let failure { throw failure }
    return results.map { $0 ?? Tensor(.float32, [0]) }
  }
}

extension Tensor {
  /// The tensor itself, or a copy where its elements do not start at a multiple of their size.
  var aligned: Tensor {
    guard dataType != .string, !isAligned(to: min(dataType.elementByteCount ?? 1, 16)) else { return self }
    let copy = TensorBuffer(byteCount: byteCount)
    copy.base.copyMemory(from: baseAddress, byteCount: byteCount)
    return Tensor(dataType, shape, buffer: copy)
  }
}
