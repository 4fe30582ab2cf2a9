import GraphIR
import Tensors

extension OpsetConverter {
  /// Brings a node back across the change its operator had with opset `version`; false where there is no way.
  mutating func adaptDownwards(_ node: inout Node, from version: Int) throws(ConversionError) -> Bool {
    switch (node.operatorName, version) {
    case ("GridSample", 20):
      if rank(of: node.inputs[0]) != 4 { return false }
      renameMode(of: &node, ["linear": "bilinear", "cubic": "bicubic"], default: "linear")
      return true
    case ("DFT", 20):
      let axis = try constant(2, of: node)?.integers?.first
      node.inputs = Array(node.inputs.prefix(2))
      guard let axis, axis >= 0 else { return false }
      node.attributes["axis"] = .int(axis)
      return true
    case ("Split", 18):
      guard node.attributes.removeValue(forKey: "num_outputs") != nil else { return true }
      guard let type = graph[node.inputs[0]!].type.tensor, let shape = type.shape,
        let axis = shape.normalized(axis: node.attributes["axis"]?.int ?? 0),
        shape[axis].isMultiple(of: node.outputs.count)
      else { throw refusal(node, "may make parts of different length; give it lengths, or fix the shapes with --shape") }
      return true
    case (let name, 18) where name.hasPrefix("Reduce"): return try axesToAttribute(&node)
    case ("Squeeze", 13), ("Unsqueeze", 13), ("ReduceSum", 13): return try axesToAttribute(&node)
    case ("Split", 13):
      if let lengths = try constant(1, of: node)?.integers { node.attributes["split"] = .ints(lengths) }
      node.inputs = [node.inputs[0]]
      return true
    case ("Softmax", 13), ("LogSoftmax", 13), ("Hardmax", 13):
      let axis = node.attributes["axis"]?.int ?? -1
      guard let rank = rank(of: node.inputs[0]), (axis < 0 ? axis + rank : axis) == rank - 1 else {
        throw refusal(node, "works along axis \(axis), which before opset 13 is possible for the last one of a known rank only")
      }
      node.attributes["axis"] = .int(rank - 1)
      return true
    case ("BatchNormalization", 14):
      guard node.attributes.removeValue(forKey: "training_mode")?.int ?? 0 == 0 else { return false }
      return true
    case ("BatchNormalization", 9):
      // Without `spatial`, each channel is normalized by itself, as now.
      return true
    case ("BatchNormalization", 7), ("Dropout", 7):
      node.attributes["is_test"] = .int(1)
      return true
    case ("Dropout", 12):
      if let mode = try constant(2, of: node), mode.dataType != .bool || mode.integers != [0] { return false }
      if let ratio = try constant(1, of: node), ratio.dataType == .float32 {
        node.attributes["ratio"] = .float(ratio.elements(as: Float.self)[0])
      }
      node.inputs = [node.inputs[0]]
      return true
    case ("Clip", 11):
      for (slot, name) in [(1, "min"), (2, "max")] {
        guard let bound = try constant(slot, of: node) else { continue }
        guard bound.dataType == .float32, bound.count == 1 else { return false }
        node.attributes[name] = .float(bound.elements(as: Float.self)[0])
      }
      node.inputs = [node.inputs[0]]
      return true
    case ("Pad", 11):
      guard let pads = try constant(1, of: node)?.integers, node.inputs.count <= 3 else { return false }
      if let value = try constant(2, of: node) {
        guard value.dataType == .float32, value.count == 1 else { return false }
        node.attributes["value"] = .float(value.elements(as: Float.self)[0])
      }
      node.attributes["pads"] = .ints(pads)
      node.inputs = [node.inputs[0]]
      return true
    case ("Slice", 10):
      guard let starts = try constant(1, of: node)?.integers, let ends = try constant(2, of: node)?.integers,
        try constant(4, of: node)?.integers?.allSatisfy({ $0 == 1 }) ?? true
      else { return false }
      if let axes = try constant(3, of: node)?.integers { node.attributes["axes"] = .ints(axes) }
      node.attributes["starts"] = .ints(starts)
      node.attributes["ends"] = .ints(ends)
      node.inputs = [node.inputs[0]]
      return true
    case ("TopK", 10):
      guard let count = try constant(1, of: node)?.integers?.first else { return false }
      node.attributes["k"] = .int(count)
      node.inputs = [node.inputs[0]]
      return true
    default: return false
    }
  }

  /// The contents of an optional input; nil when it is absent.
  private func constant(_ slot: Int, of node: Node) throws(ConversionError) -> Tensor? {
    guard slot < node.inputs.count, let id = node.inputs[slot] else { return nil }
    guard let tensor = graph.constants[id] else {
      throw refusal(node, "computes its input \(slot), which before was an attribute; only a constant can be converted")
    }
    return tensor
  }

  private func axesToAttribute(_ node: inout Node) throws(ConversionError) -> Bool {
    let isNothingWithoutAxes = node.attributes.removeValue(forKey: "noop_with_empty_axes")?.int ?? 0 != 0
    let axes = try constant(1, of: node)?.integers ?? []
    guard !axes.isEmpty || !isNothingWithoutAxes else { return false }
    if !axes.isEmpty { node.attributes["axes"] = .ints(axes) }
    node.inputs = [node.inputs[0]]
    return true
  }
}
