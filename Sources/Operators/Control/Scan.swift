import GraphIR
import Tensors

/// ONNX `Scan`: a subgraph run once for each slice of some inputs, carrying state.
///
/// The body takes the state and one slice of each scanned input; it gives the next state and one slice of each scan
/// output. Version 8 does so for every element of a batch, and may stop early at given lengths.
public struct Scan: HostOperator {
  public static let signatures = [Signature("Scan", versions: 8...Signature.newestOpset)]

  private let scannedCount: Int
  private let stateCount: Int
  private let outputCount: Int
  private let isBatched: Bool
  private let inputAxes: [Int]
  private let outputAxes: [Int]
  private let inputIsReversed: [Bool]
  private let outputIsReversed: [Bool]
  private let outputTypes: [ValueType]

  public init(_ node: NodeReader) throws(OperatorError) {
    let body = try node.graph("body")
    isBatched = node.version == 8
    let valueCount = node.inputCount - (isBatched ? 1 : 0)
    guard let scannedCount = try node.int("num_scan_inputs"), scannedCount >= 1, scannedCount <= valueCount,
      body.inputs.count == valueCount, body.outputs.count == node.outputCount,
      node.outputCount >= valueCount - scannedCount
    else { throw node.invalid("its body does not fit its inputs and outputs") }
    self.scannedCount = scannedCount
    stateCount = valueCount - scannedCount
    outputCount = node.outputCount
    let scanOutputCount = outputCount - stateCount
    func list(_ name: String, _ count: Int) throws(OperatorError) -> [Int] {
      let values = try node.ints(name) ?? [Int](repeating: 0, count: count)
      guard values.count == count else { throw node.invalid("“\(name)” has \(values.count) entries instead of \(count)") }
      return values
    }
    inputAxes = try list("scan_input_axes", scannedCount)
    outputAxes = try list("scan_output_axes", scanOutputCount)
    inputIsReversed = try list(isBatched ? "directions" : "scan_input_directions", scannedCount).map { $0 != 0 }
    outputIsReversed = try list("scan_output_directions", scanOutputCount).map { $0 != 0 }
    outputTypes = body.outputs.dropFirst(stateCount).map { body[$0].type }
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    [ValueType](repeating: .unknown, count: outputCount)
  }

  public func evaluate(_ context: EvaluationContext) throws(OperatorError) -> [RuntimeValue] {
    let first = isBatched ? 1 : 0
    var tensors: [Tensor] = []
    for index in 0..<(stateCount + scannedCount) { tensors.append(try context.tensor(first + index)) }
    guard isBatched else { return try scan(context, tensors).map(RuntimeValue.tensor) }
    return try batches(context, tensors)
  }

  /// Version 8: every input has a batch axis in front.
  private func batches(_ context: EvaluationContext, _ tensors: [Tensor]) throws(OperatorError) -> [RuntimeValue] {
    guard let count = tensors.first?.shape.dims.first, count > 0,
      tensors.allSatisfy({ $0.shape.rank > 0 && $0.shape[0] == count })
    else { throw context.invalid("its inputs do not have one batch axis of the same extent") }
    let lengths = try context.has(0) ? context.integers(0) : nil
    guard lengths.map({ $0.count == count && $0.allSatisfy { $0 >= 0 } }) ?? true else {
      throw context.invalid("the lengths are not one for each of \(count) sequences")
    }
    var results = [[Tensor]](repeating: [], count: outputCount)
    for batch in 0..<count {
      var own: [Tensor] = []
      for tensor in tensors {
        own.append(
          try context.slice(tensor, axis: 0, batch..<(batch + 1)).reshaped(Shape(Array(tensor.shape.dims.dropFirst()))))
      }
      for (index, tensor) in try scan(context, own, length: lengths?[batch]).enumerated() { results[index].append(tensor) }
    }
    var outputs: [RuntimeValue] = []
    for tensors in results { outputs.append(.tensor(try context.stacked(tensors, empty: (.float32, [])))) }
    return outputs
  }

  /// One sequence: the final state, then the scan outputs.
  ///
  /// - Parameter length: turns to take instead of all; scan outputs are filled up with zeros.
  private func scan(
    _ context: EvaluationContext, _ tensors: [Tensor], length: Int? = nil
  ) throws(OperatorError) -> [Tensor] {
    var state = Array(tensors.prefix(stateCount))
    let scanned = Array(tensors.dropFirst(stateCount))
    var axes: [Int] = []
    for (tensor, axis) in zip(scanned, inputAxes) { axes.append(try context.axis(axis, rank: tensor.shape.rank)) }
    let extent = scanned[0].shape[axes[0]]
    guard zip(scanned, axes).allSatisfy({ $0.shape[$1] == extent }), length ?? 0 <= extent else {
      throw context.invalid("its scanned inputs differ in length")
    }
    var results = [[Tensor]](repeating: [], count: outputTypes.count)
    for turn in 0..<(length ?? extent) {
      try context.checkStop()
      var inputs = state
      for (index, (tensor, axis)) in zip(scanned, axes).enumerated() {
        let position = inputIsReversed[index] ? (length ?? extent) - 1 - turn : turn
        var shape = tensor.shape
        shape.dims.remove(at: axis)
        inputs.append(try context.slice(tensor, axis: axis, position..<(position + 1)).reshaped(shape))
      }
      var given: [Tensor] = []
      for value in try context.run("body", inputs.map(RuntimeValue.tensor)) {
        guard let tensor = value.tensor else { throw context.invalid("its body gives \(value.type), no tensor") }
        given.append(tensor)
      }
      state = Array(given.prefix(stateCount))
      for (index, tensor) in given.dropFirst(stateCount).enumerated() { results[index].append(tensor) }
    }
    for (index, tensors) in results.enumerated() {
      state.append(try output(context, index, tensors, extent: length == nil ? nil : extent))
    }
    return state
  }

  private func output(
    _ context: EvaluationContext, _ index: Int, _ tensors: [Tensor], extent: Int?
  ) throws(OperatorError) -> Tensor {
    var tensors = tensors
    if let extent, let first = tensors.first {
      while tensors.count < extent { tensors.append(try context.makeTensor(first.dataType, first.shape)) }
    }
    let type = outputTypes[index].tensor
    return try context.stacked(
      outputIsReversed[index] ? tensors.reversed() : tensors, axis: outputAxes[index],
      empty: (type?.dataType ?? .float32, Shape((type?.dims ?? []).map { $0.value ?? 0 })))
  }
}
