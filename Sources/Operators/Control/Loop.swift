import GraphIR
import Tensors

/// ONNX `Loop`: a subgraph run again and again, as often as a count and a condition allow.
///
/// The body takes the turn's number, the condition and the carried values; it gives the next condition, the next carried
/// values, and scan outputs, which are stacked along a new first axis. Carried values may be sequences and optionals.
public struct Loop: HostOperator {
  public static let signatures = [Signature("Loop")]

  private let carriedCount: Int
  private let outputCount: Int
  /// The declared types of the body's scan outputs, for loops without a turn.
  private let scanTypes: [ValueType]

  public init(_ node: NodeReader) throws(OperatorError) {
    let body = try node.graph("body")
    carriedCount = max(node.inputCount - 2, 0)
    outputCount = node.outputCount
    guard body.inputs.count == carriedCount + 2, body.outputs.count >= carriedCount + 1,
      outputCount <= body.outputs.count - 1
    else {
      throw node.invalid(
        "its body has \(body.inputs.count) inputs and \(body.outputs.count) outputs, which does not fit "
          + "\(carriedCount) carried values and \(outputCount) outputs")
    }
    scanTypes = body.outputs.dropFirst(carriedCount + 1).map { body[$0].type }
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    // Carried values may change their shape from turn to turn.
    [ValueType](repeating: .unknown, count: outputCount)
  }

  public func evaluate(_ context: EvaluationContext) throws(OperatorError) -> [RuntimeValue] {
    let limit = try turnLimit(context)
    var goesOn = try context.has(1) ? context.flag(1) : true
    var carried: [RuntimeValue] = []
    for index in 0..<carriedCount { carried.append(try context.value(index + 2)) }
    var scanned = [[Tensor]](repeating: [], count: scanTypes.count)
    var turn = 0
    while goesOn, turn < limit {
      try context.checkStop()
      let results = try context.run(
        "body",
        [.tensor(try context.scalar(Int64(turn))), .tensor(try context.scalar(goesOn))] + carried)
      goesOn = try context.flag(results[0], "the body's condition")
      carried = Array(results[1..<(1 + carriedCount)])
      for (index, result) in results[(1 + carriedCount)...].enumerated() {
        guard let tensor = result.tensor else { throw context.invalid("scan output \(index) is \(result.type), no tensor") }
        scanned[index].append(tensor)
      }
      turn += 1
    }
    for (tensors, type) in zip(scanned, scanTypes) {
      carried.append(.tensor(try context.stacked(tensors, empty: Self.shape(of: type))))
    }
    return Array(carried.prefix(outputCount))
  }

  /// How many turns the first input allows; an empty or absent one allows any number.
  private func turnLimit(_ context: EvaluationContext) throws(OperatorError) -> Int {
    guard context.has(0) else { return .max }
    let values = try context.integers(0)
    guard values.count == 1 else { throw context.invalid("the count of turns has \(values.count) elements instead of 1") }
    return values[0]
  }

  /// What one turn would give: extents that are not declared are 0.
  private static func shape(of type: ValueType) -> (DataType, Shape) {
    let tensor = type.tensor ?? TensorType(nil, nil as [Dimension]?)
    return (tensor.dataType ?? .float32, Shape((tensor.dims ?? []).map { $0.value ?? 0 }))
  }
}
