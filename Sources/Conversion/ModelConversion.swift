import Compiler
import GraphIR
import ONNXFormat
import Tensors

/// Turns a model into another that computes the same: ONNX in, ONNX out.
public struct ModelConversion: Sendable {
  /// Folds constants, drops what is not needed, and takes batch normalization into weights.
  public var optimizes = true
  /// The version of ONNX's operator set to write; nil for the model's own.
  public var opset: Int?
  /// Stores large float32 constants as float16, with a Cast behind each.
  public var storesHalves = false
  /// Shapes of inputs, and values of the extents that inputs name.
  public var shapes: [String: Shape] = [:]
  /// Names of values to cut out between; nil for the whole model.
  public var cut: (inputs: [String], outputs: [String])?

  public init() {}

  /// The converted model, and what is worth knowing about it.
  ///
  /// - Parameter name: what errors call the model.
  public func convert(_ source: ONNXModel, name: String) throws -> (model: ONNXModel, notes: [String]) {
    do {
      return try convert(source)
    } catch let error as CompileError {
      // Optimization needs to know the operators; writing does not.
      guard case .operatorProblem(let problem) = error, problem.kind == .unsupported, optimizes else { throw error }
      throw CompileError.operatorProblem(
        OperatorError(.unsupported, node: problem.node, "\(problem.reason); use --no-optimize to convert it nevertheless"))
    } catch {
      throw ConversionError("\(name): \(error)")
    }
  }

  private func convert(_ source: ONNXModel) throws -> (model: ONNXModel, notes: [String]) {
    var model = source
    var notes: [String] = []
    if optimizes || opset != nil || cut != nil { model = try source.inliningFunctions() }
    if let cut {
      // Types of inner values are often not in the file; inputs must have one.
      let typed = Self.typed(model.graph)
      model.graph = try model.graph.extracting(inputs: cut.inputs, outputs: cut.outputs, types: typed)
    }
    try model.graph.fixShapes(shapes)
    if optimizes {
      let before = model.graph.nodes.count
      model.graph = try optimized(model.graph)
      notes.append("nodes: \(before) before, \(model.graph.nodes.count) after optimization")
    }
    // Before operators change: what they make stays the same.
    let needsTypes = model.graph.outputs.contains { model.graph[$0].type.tensor?.dims == nil }
    model.graph.completeTypes(from: needsTypes && !optimizes ? Self.typed(model.graph) : nil)
    if let opset, let own = model.opsets[""], own != opset {
      var converter = OpsetConverter(model.graph, target: opset)
      model.graph = try converter.converted()
      model.opsets[""] = opset
      notes.append("opset: \(own) before, \(opset) now")
    }
    model.irVersion = max(model.irVersion, OpsetConverter.irVersion(forOpset: model.opsets[""] ?? 1))
    if storesHalves { notes.append(try model.graph.storeHalves(opset: model.opsets[""] ?? 0)) }
    try model.graph.verify()
    model.producerName = "viseme"
    model.producerVersion = ""
    return (model, notes)
  }

  private func optimized(_ graph: Graph) throws -> Graph {
    let program = try Program(graph, options: CompileOptions(pipeline: .portable))
    let types = program.graph.inputs.compactMap { program.graph[$0].type.tensor }
    let isFixed = types.count == graph.inputs.count && types.allSatisfy { $0.shape != nil && $0.dataType != nil }
    var result = isFixed ? try program.specialized(types) : program.graph
    result.foldNormalizationIntoWeights()
    result.removeUnneeded()
    return result
  }

  /// The graph with what can be inferred of its values' types; nil where an operator is not known.
  private static func typed(_ graph: Graph) -> Graph? {
    let pipeline = Pipeline(Pipeline.portable.passes.filter { $0.name == "fold-constants" })
    return try? Program(graph, options: CompileOptions(pipeline: pipeline)).graph
  }
}

extension Graph {
  /// Gives outputs the types that `other` has for them by name where they have none with a rank, and takes away inner types
  /// without one: ONNX wants a rank wherever it lists a type.
  mutating func completeTypes(from other: Graph?) {
    let inferred = Dictionary((other?.values ?? []).map { ($0.name, $0.type) }, uniquingKeysWith: { first, _ in first })
    let ends = Set(inputs).union(outputs)
    for index in values.indices {
      guard case .tensor(let type) = values[index].type, type.dims != nil, type.dataType != nil else {
        switch values[index].type {
        case .sequence, .optional: continue
        case .tensor, .unknown: break
        }
        guard ends.contains(ValueID(index: index)) else {
          values[index].type = .unknown
          continue
        }
        if let type = inferred[values[index].name], type.tensor?.dims != nil { values[index].type = type }
        continue
      }
    }
  }
}
