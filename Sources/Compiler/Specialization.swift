import GraphIR
import Operators
import Tensors

/// Works out the type of every value of a graph, and computes what depends on constants alone.
struct Specialization {
  var graph: Graph
  let target: Target
  let memoryLimit: Int
  /// Constants larger than this are left to the run, unless they take at most twice what they are made of: weights are
  /// often stored as float16.
  var foldedByteLimit = 1 << 22
  /// Bytes that constants made here may still take together, so that neither a chain of nodes that double what they are
  /// given nor very many small ones take more than a few times what the model itself holds.
  private var foldedBytesLeft: Int

  init(_ graph: Graph, target: Target, memoryLimit: Int) {
    self.graph = graph
    self.target = target
    self.memoryLimit = memoryLimit
    let held = graph.constants.values.reduce(0) { $0 + $1.byteCount }
    foldedBytesLeft = min(memoryLimit, 16 * foldedByteLimit + 4 * held)
  }

  /// Infers types in the graph's order; nodes whose outputs become constants are dropped.
  mutating func run() throws(CompileError) {
    var isFolded = [Bool](repeating: false, count: graph.nodes.count)
    for index in graph.nodes.indices {
      let node = graph.nodes[index]
      do {
        isFolded[index] = try visit(node)
      } catch let error as CompileError {
        throw error
      } catch let error as OperatorError {
        throw .operatorProblem(error)
      } catch {
        fatalError("untyped error: \(error)")
      }
    }
    graph.removeNodes { isFolded[$0] }
  }

  private mutating func visit(_ node: Node) throws -> Bool {
    guard let implementation = node.implementation else {
      throw OperatorError(.unsupported, node: node.label, "its operator was not resolved")
    }
    let context = InferenceContext(node: node, inputs: node.inputs.map { id in id.map(input) })
    let types = try implementation.infer(context)
    guard types.count >= node.outputs.count else {
      throw OperatorError(
        .invalid, node: node.label, "has \(node.outputs.count) outputs; the operator makes \(types.count)")
    }
    for (id, type) in zip(node.outputs, types) {
      guard let id else { continue }
      try checkSize(type, of: id)
      // What the model declares of a result that only its computation tells may be wrong.
      graph[id].type = implementation.isHosted(context) ? type : merged(type, graph[id].type)
    }
    guard let tensors = try constants(implementation, context, node) else { return false }
    for (id, tensor) in zip(node.outputs, tensors) { if let id { graph.setConstant(id, tensor) } }
    return true
  }

  private func input(_ id: ValueID) -> InferenceContext.Input {
    InferenceContext.Input(type: graph[id].type, constant: graph.constants[id])
  }

  private mutating func constants(
    _ implementation: any Operator, _ context: InferenceContext, _ node: Node
  ) throws -> [Tensor]? {
    if let folded = try implementation.fold(context) { return folded }
    let given = node.inputs.compactMap { $0 }
    guard given.allSatisfy({ graph.constants[$0] != nil }) else { return nil }
    if implementation.isHosted(context) {
      guard (implementation as? any HostOperator)?.isDeterministic != false, !node.hasSubgraphs else { return nil }
    } else {
      guard fits(node, inputByteCount: given.reduce(0) { $0 + graph.constants[$1]!.byteCount }) else { return nil }
    }
    // What a kernel makes has been measured; what hosted nodes and strings make has not.
    let isMeasured = !implementation.isHosted(context) && given.allSatisfy { graph.constants[$0]!.dataType != .string }
    let budget = MemoryBudget(
      limit: isMeasured ? .max / 2 : max(min(memoryLimit, 4 * foldedByteLimit, foldedBytesLeft), 0))
    do throws(OperatorError) {
      let evaluator = NodeEvaluator(target: target, control: RunControl(budget: budget))
      let results = try evaluator.evaluate(node, node.inputs.map { $0.map { .tensor(graph.constants[$0]!) } })
      let tensors = results.compactMap { result -> Tensor? in
        if case .tensor(let tensor) = result { tensor } else { nil }
      }
      guard tensors.count == results.count else { return nil }
      foldedBytesLeft -= tensors.reduce(0) { $0 + $1.byteCount }
      return tensors
    } catch {
      guard error.kind == .tooLarge else { throw error }
      return nil
    }
  }

  /// Whether the outputs are known, and small enough to be kept beside the model.
  private func fits(_ node: Node, inputByteCount: Int) -> Bool {
    var outputByteCount = 0
    for case let id? in node.outputs {
      guard let type = graph[id].type.tensor, let shape = type.shape, let dataType = type.dataType else { return false }
      let (sum, overflow) = outputByteCount.addingReportingOverflow(dataType.byteCount(of: shape.count) ?? .max)
      guard !overflow else { return false }
      outputByteCount = sum
    }
    // Shape arithmetic is always worth it.
    return outputByteCount <= max(1024, min(max(foldedByteLimit, 2 * inputByteCount), foldedBytesLeft))
  }

  /// Refuses a value that alone is above the limit, before anything is computed from its size.
  private func checkSize(_ type: ValueType, of id: ValueID) throws(CompileError) {
    guard let tensor = type.tensor, let shape = tensor.shape else { return }
    let byteCount = shape.checkedCount.flatMap { (tensor.dataType ?? .float32).byteCount(of: $0) }
    guard let byteCount, byteCount <= memoryLimit else {
      throw .memory(place: "the value “\(graph[id].name)” of shape \(shape)", byteCount: byteCount, limit: memoryLimit)
    }
  }

  /// What is inferred, completed by what the model declares where nothing could be inferred.
  private func merged(_ inferred: ValueType, _ declared: ValueType) -> ValueType {
    switch (inferred, declared) {
    case (.unknown, _): return declared
    case (.tensor(let a), .tensor(let b)):
      guard let dims = a.dims else { return .tensor(TensorType(a.dataType ?? b.dataType, a.dataType == nil ? b.dims : nil)) }
      return .tensor(TensorType(a.dataType ?? b.dataType, dims))
    default: return inferred
    }
  }
}

extension Operator {
  /// Whether nodes of it are evaluated on their own rather than planned, given what is known of their inputs.
  func isHosted(_ context: InferenceContext) -> Bool {
    (self as? any HostOperator).map { !$0.hasKernel(context) } ?? false
  }
}

extension Node {
  var hasSubgraphs: Bool {
    attributes.values.contains {
      switch $0 {
      case .graph, .graphs: true
      default: false
      }
    }
  }
}
