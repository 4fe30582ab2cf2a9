import CViseme
import GraphIR
import Viseme

@_cdecl("viseme_session_run")
public func sessionRun(
  _ session: OpaquePointer?, _ options: UnsafePointer<viseme_run_options>?,
  _ inputCount: Int, _ inputNames: UnsafePointer<UnsafePointer<CChar>?>?, _ inputs: UnsafePointer<OpaquePointer?>?,
  _ outputCount: Int, _ outputNames: UnsafePointer<UnsafePointer<CChar>?>?,
  _ outputs: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
  reporting { () throws(Failure) in
    let session: SessionHandle = try object(session, "session")
    let model = session.model.model
    let given = try namedInputs(model, inputCount, inputNames, inputs)
    let wanted = try indices(of: outputNames, count: outputCount, among: model.outputs.map(\.name), "output")
    guard outputCount == 0 || outputs != nil else { throw .argument("outputs is null") }

    var targets = [Tensor?](repeating: nil, count: model.outputs.count)
    for (slot, index) in wanted.enumerated() {
      guard let target = outputs![slot] else { continue }
      guard targets[index] == nil else { throw .argument("an output is given twice") }
      targets[index] = try object(target, as: ValueHandle.self).tensor("output \(slot)")
    }
    try checkOverlap(inputs: given.flatMap(\.tensors), outputs: targets.compactMap { $0 })
    let results = try session.running(options) { options throws(VisemeError) in
      try session.session.run(values: given, into: targets, options: options)
    }
    var ownership = Ownership(inputs: given)
    for (slot, index) in wanted.enumerated() where outputs![slot] == nil {
      outputs![slot] = handle(ValueHandle(ownership.owned(results[index])))
    }
  }
}

/// The inputs in the model's order.
private func namedInputs(
  _ model: Model, _ count: Int, _ names: UnsafePointer<UnsafePointer<CChar>?>?, _ values: UnsafePointer<OpaquePointer?>?
) throws(Failure) -> [RuntimeValue] {
  let graph = model.program.graph
  let known = graph.inputs.map { graph[$0].name }
  let order = try indices(of: names, count: count, among: known, "input")
  guard count == 0 || values != nil else { throw .argument("inputs is null") }
  var given = [RuntimeValue?](repeating: nil, count: known.count)
  for (slot, index) in order.enumerated() {
    given[index] = values![slot].map { object($0, as: ValueHandle.self).value }
  }
  var inputs: [RuntimeValue] = []
  for (index, value) in given.enumerated() {
    if let value {
      inputs.append(value)
    } else if case .optional(let element) = graph[graph.inputs[index]].type {
      inputs.append(.optional(nil, of: element))
    } else {
      throw Failure(VISEME_INVALID_INPUT, "input “\(known[index])” is not given; it is \(model.inputs[index].type)")
    }
  }
  return inputs
}

/// Where each name stands among `known`.
private func indices(
  of names: UnsafePointer<UnsafePointer<CChar>?>?, count: Int, among known: [String], _ what: String
) throws(Failure) -> [Int] {
  guard count == 0 || names != nil else { throw .argument("\(what)_names is null") }
  var indices: [Int] = []
  for slot in 0..<max(count, 0) {
    guard let name = names![slot].map({ String(cString: $0) }) else { throw .argument("name \(slot) of \(what)s is null") }
    guard let index = known.firstIndex(of: name) else {
      throw .argument("there is no \(what) “\(name)”; there are \(known.joined(separator: ", "))")
    }
    indices.append(index)
  }
  return indices
}

/// Refuses outputs that share bytes with inputs or with each other.
func checkOverlap(inputs: [Tensor], outputs: [Tensor]) throws(Failure) {
  func range(_ tensor: Tensor) -> Range<UInt> {
    let start = UInt(bitPattern: tensor.baseAddress)
    return start..<start + UInt(tensor.byteCount)
  }
  for (index, output) in outputs.enumerated() {
    let others = inputs + outputs[..<index]
    guard !others.contains(where: { range($0).overlaps(range(output)) }) else {
      throw .argument("output \(index) shares memory with an input or another output")
    }
  }
}
