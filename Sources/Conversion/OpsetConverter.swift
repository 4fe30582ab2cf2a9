import GraphIR
import Tensors

/// Rewrites nodes from one version of ONNX's operator set to another, and refuses where that would change what they mean.
package struct OpsetConverter {
  package var graph: Graph
  package let target: Int

  package init(_ graph: Graph, target: Int) {
    self.graph = graph
    self.target = target
  }

  /// The IR version that came with an opset; older runtimes refuse newer pairs.
  package static func irVersion(forOpset opset: Int) -> Int {
    let first = [(9, 4), (10, 5), (11, 6), (12, 7), (15, 8), (19, 9), (21, 10), (23, 11), (24, 12), (25, 13), (27, 14)]
    return first.last { $0.0 <= opset }?.1 ?? 3
  }

  package mutating func converted() throws(ConversionError) -> Graph {
    for index in graph.nodes.indices where graph.nodes[index].domain.isEmpty {
      var node = graph.nodes[index]
      try convertBodies(of: &node)
      try convert(&node)
      node.version = target
      node.implementation = nil
      graph.nodes[index] = node
    }
    try checkTypes()
    return graph
  }

  private func convertBodies(of node: inout Node) throws(ConversionError) {
    for (name, attribute) in node.attributes {
      switch attribute {
      case .graph(let body):
        var converter = OpsetConverter(body, target: target)
        node.attributes[name] = .graph(try converter.converted())
      case .graphs(let bodies):
        var results: [Graph] = []
        for body in bodies {
          var converter = OpsetConverter(body, target: target)
          results.append(try converter.converted())
        }
        node.attributes[name] = .graphs(results)
      default: continue
      }
    }
  }

  private mutating func convert(_ node: inout Node) throws(ConversionError) {
    // A replaced operator goes on with its own history.
    var version = node.version
    while version != target {
      guard let history = OperatorHistory.all[node.operatorName] else {
        throw refusal(node, "is not an operator of ONNX that this converter knows")
      }
      guard target >= history.firstVersion else {
        throw refusal(node, "exists from opset \(history.firstVersion) on")
      }
      if version < target {
        guard let next = history.changes.first(where: { $0.version > version && $0.version <= target }) else { return }
        try raise(&node, across: next)
        version = next.version
      } else {
        guard let last = history.changes.last(where: { $0.version <= version && $0.version > target }) else { return }
        try lower(&node, across: last)
        version = last.version - 1
      }
    }
  }

  private mutating func raise(_ node: inout Node, across change: OperatorHistory.Change) throws(ConversionError) {
    switch change.kind {
    case .compatible: return
    case .breaking, .withdrawn:
      guard try adaptUpwards(&node, to: change.version) else {
        throw refusal(node, "changed with opset \(change.version) in a way that is not converted; stay below it")
      }
    }
  }

  private mutating func lower(_ node: inout Node, across change: OperatorHistory.Change) throws(ConversionError) {
    switch change.kind {
    case .compatible(let newAttributes, let formerInputCount):
      for name in newAttributes where node.attributes[name] != nil {
        guard isDefault(node.attributes[name]!, name, of: node) else {
          throw refusal(node, "uses the attribute “\(name)”, which exists from opset \(change.version) on")
        }
        node.attributes[name] = nil
      }
      if let formerInputCount, node.inputs.count > formerInputCount {
        guard node.inputs[formerInputCount...].allSatisfy({ $0 == nil }) else {
          throw refusal(node, "uses an input that exists from opset \(change.version) on")
        }
        node.inputs.removeSubrange(formerInputCount...)
      }
      let mustGive: Int? =
        switch (node.operatorName, change.version) {
        case ("Gemm", 11): 3
        case ("Resize", 13): 3
        default: nil
        }
      if let mustGive, node.inputs.count < mustGive || node.inputs[..<mustGive].contains(where: { $0 == nil }) {
        throw refusal(node, "leaves out an input that it may leave out from opset \(change.version) on only")
      }
    case .breaking, .withdrawn:
      guard try adaptDownwards(&node, from: change.version) else {
        throw refusal(node, "changed with opset \(change.version) in a way that is not converted back; stay at it or above")
      }
    }
  }

  /// Whether an added attribute says what its absence says.
  private func isDefault(_ value: Attribute, _ name: String, of node: Node) -> Bool {
    switch (name, value) {
    case ("largest", .int(let number)), ("sorted", .int(let number)), ("saturate", .int(let number)): number == 1
    case ("dilations", .ints(let numbers)): numbers.allSatisfy { $0 == 1 }
    case ("axis", .int(let number)): node.operatorName.hasSuffix("quantizeLinear") && number == 1
    case ("allowzero", .int(let number)), ("layout", .int(let number)), ("ceil_mode", .int(let number)),
      ("storage_order", .int(let number)), ("antialias", .int(let number)):
      number == 0
    case ("keep_aspect_ratio_policy", .string): value.text == "stretch"
    case ("reduction", .string): value.text == "none"
    default: false
    }
  }

  /// Refuses element types that the target does not have.
  private func checkTypes() throws(ConversionError) {
    let firstOpset: [DataType: Int] = [
      .bfloat16: 13, .float8e4m3fn: 19, .float8e4m3fnuz: 19, .float8e5m2: 19, .float8e5m2fnuz: 19, .int4: 21, .uint4: 21,
      .float4e2m1: 23, .float8e8m0: 24, .int2: 25, .uint2: 25,
    ]
    for value in graph.values {
      guard let type = value.type.tensor?.dataType, let first = firstOpset[type], target < first else { continue }
      throw ConversionError("“\(value.name)” holds \(type), which exists from opset \(first) on")
    }
  }

  package func refusal(_ node: Node, _ reason: String) -> ConversionError {
    ConversionError("\(node.label): cannot be converted to opset \(target): \(node.operatorName) \(reason)")
  }
}
