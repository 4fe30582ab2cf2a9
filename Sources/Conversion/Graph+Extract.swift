import GraphIR
import Tensors

extension Graph {
  /// The part of the graph that computes `outputs` from `inputs`.
  ///
  /// - Parameter types: the same graph with types inferred, where that worked.
  func extracting(inputs: [String], outputs: [String], types: Graph?) throws(ConversionError) -> Graph {
    let byName = Dictionary(values.enumerated().map { ($1.name, ValueID(index: $0)) }, uniquingKeysWith: { first, _ in first })
    var ids: [ValueID] = []
    for name in inputs + outputs {
      guard let id = byName[name] else { throw ConversionError("--extract names “\(name)”, which the graph has not") }
      ids.append(id)
    }
    var part = self
    let wanted = Array(ids[..<inputs.count])
    part.outputs = Array(ids[inputs.count...])
    part.inputs = wanted
    for id in wanted { part.constants[id] = nil }
    // Nothing makes an input any more.
    for index in part.nodes.indices {
      part.nodes[index].outputs = part.nodes[index].outputs.map { id in id.flatMap { wanted.contains($0) ? nil : $0 } }
    }
    part.removeUnneeded()
    let reads = part.useCounts()
    for id in self.inputs where !wanted.contains(id) && reads[id.index] > 0 {
      throw ConversionError(
        "the outputs to extract also depend on the input “\(self[id].name)”; list it, or a value between, "
          + "before the colon")
    }
    let inferred = Dictionary((types?.values ?? []).map { ($0.name, $0.type) }, uniquingKeysWith: { first, _ in first })
    for id in wanted where part[id].type.tensor?.dataType == nil {
      guard let type = inferred[part[id].name], type.tensor?.dataType != nil else {
        throw ConversionError("the type of “\(self[id].name)” is not known, so it cannot become an input")
      }
      part[id].type = type
    }
    for id in part.outputs where part[id].type == .unknown { part[id].type = inferred[part[id].name] ?? .unknown }
    return part
  }

  /// Drops nodes that no output depends on, and constants that nothing reads.
  mutating func removeUnneeded() {
    var uses = useCounts()
    var isUnneeded = [Bool](repeating: false, count: nodes.count)
    for index in nodes.indices.reversed() {
      let node = nodes[index]
      guard node.outputs.allSatisfy({ $0.map { uses[$0.index] == 0 } ?? true }) else { continue }
      isUnneeded[index] = true
      for case let id? in node.inputs { uses[id.index] -= 1 }
    }
    removeNodes { isUnneeded[$0] }
    let reads = useCounts()
    constants = constants.filter { reads[$0.key.index] > 0 }
  }
}
