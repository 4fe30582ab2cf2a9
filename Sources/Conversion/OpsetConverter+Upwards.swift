import GraphIR
import Tensors

extension OpsetConverter {
  private static let formerlyInPlace: Set<String> = [
    "Abs", "BatchNormalization", "Ceil", "Clip", "Div", "Add", "Mul", "Sub", "Elu", "Exp", "Floor", "HardSigmoid",
    "InstanceNormalization", "LeakyRelu", "Log", "Max", "Mean", "Min", "Neg", "PRelu", "Reciprocal", "Relu", "Sigmoid",
    "Sqrt", "Sum", "Tanh", "Dropout",
  ]

  /// Brings a node across the change its operator had with opset `version`; false where there is no way.
  mutating func adaptUpwards(_ node: inout Node, to version: Int) throws(ConversionError) -> Bool {
    switch (node.operatorName, version) {
    case (let name, 6) where Self.formerlyInPlace.contains(name):
      node.attributes["consumed_inputs"] = nil
      return true
    case ("Cast", 6): return castByNumber(&node)
    case ("Add", 7), ("Sub", 7), ("Mul", 7), ("Div", 7), ("Pow", 7), ("And", 7), ("Or", 7), ("Xor", 7), ("Equal", 7),
      ("Less", 7), ("Greater", 7), ("Gemm", 7):
      return try broadcastByShape(&node)
    case ("PRelu", 7): return slopeByChannel(&node)
    case ("AveragePool", 7), ("LSTM", 7), ("GRU", 7), ("RNN", 7):
      node.attributes["output_sequence"] = nil
      return true
    case ("Concat", 4):
      if node.attributes["axis"] == nil { node.attributes["axis"] = .int(1) }
      return true
    case ("Pad", 2):
      node.attributes["pads"] = node.attributes.removeValue(forKey: "paddings") ?? node.attributes["pads"]
      return true
    case ("BatchNormalization", 7), ("Dropout", 7):
      guard node.attributes.removeValue(forKey: "is_test")?.int == 1 else {
        throw refusal(node, "trains (it does not say is_test)")
      }
      return true
    case ("BatchNormalization", 9): return (node.attributes.removeValue(forKey: "spatial")?.int ?? 1) == 1
    case ("BatchNormalization", 14): return node.outputs.dropFirst().allSatisfy { $0 == nil }
    case ("Reshape", 5): return toInput("shape", of: &node, at: 1)
    case ("Slice", 10): return sliceByInputs(&node)
    case ("TopK", 10):
      guard let count = node.attributes.removeValue(forKey: "k")?.int else { return false }
      setInput(1, of: &node, Tensor([Int64(count)]))
      return true
    case ("Clip", 11):
      for (slot, name) in [(1, "min"), (2, "max")] {
        if let bound = node.attributes.removeValue(forKey: name)?.float {
          setInput(slot, of: &node, floating(bound, like: node.inputs[0]))
        }
      }
      return true
    case ("Pad", 11):
      guard toInput("pads", of: &node, at: 1) else { return false }
      let value = node.attributes.removeValue(forKey: "value")?.float
      if let value, value != 0 { setInput(2, of: &node, floating(value, like: node.inputs[0])) }
      return true
    case ("Dropout", 12):
      if let ratio = node.attributes.removeValue(forKey: "ratio")?.float { setInput(1, of: &node, Tensor(scalar: ratio)) }
      return true
    case ("Upsample", 9):
      guard let scales = node.attributes.removeValue(forKey: "scales"), case .floats(let factors) = scales else { return false }
      setInput(1, of: &node, Tensor(factors))
      return true
    case ("Upsample", 10):
      node.operatorName = "Resize"
      return true
    case ("Resize", 11):
      node.inputs = [node.inputs[0], add("roi", Tensor([Float]()))] + node.inputs.dropFirst()
      node.attributes["coordinate_transformation_mode"] = .string(Array("asymmetric".utf8))
      if node.attributes["mode"]?.text ?? "nearest" == "nearest" {
        node.attributes["nearest_mode"] = .string(Array("floor".utf8))
      }
      return true
    case ("Scatter", 11):
      node.operatorName = "ScatterElements"
      return true
    case ("Softmax", 13), ("LogSoftmax", 13), ("Hardmax", 13):
      guard let rank = rank(of: node.inputs[0]) else {
        throw refusal(node, "works on a tensor of unknown rank; fix the shapes with --shape")
      }
      let axis = node.attributes["axis"]?.int ?? 1
      guard (axis < 0 ? axis + rank : axis) == rank - 1 else {
        throw refusal(node, "flattens from axis \(axis) on, which is no longer possible from opset 13 on")
      }
      node.attributes["axis"] = .int(-1)
      return true
    case ("Squeeze", 13), ("Unsqueeze", 13), ("ReduceSum", 13):
      _ = toInput("axes", of: &node, at: 1)
      return true
    case (let name, 18) where name.hasPrefix("Reduce"):
      _ = toInput("axes", of: &node, at: 1)
      return true
    case ("Split", 13):
      _ = toInput("split", of: &node, at: 1)
      return true
    case ("Split", 18):
      if node.inputs.count < 2 || node.inputs[1] == nil { node.attributes["num_outputs"] = .int(node.outputs.count) }
      return true
    case ("GridSample", 20):
      renameMode(of: &node, ["bilinear": "linear", "bicubic": "cubic"], default: "bilinear")
      return true
    case ("DFT", 20):
      let axis = node.attributes.removeValue(forKey: "axis")?.int ?? 1
      setInput(2, of: &node, Tensor(scalar: Int64(axis)))
      return true
    default: return false
    }
  }

  // MARK: Parts

  func rank(of id: ValueID?) -> Int? { id.flatMap { graph[$0].type.tensor?.dims?.count } }

  mutating func add(_ purpose: String, _ tensor: Tensor) -> ValueID {
    graph.addConstant("\(purpose)_\(graph.values.count)", tensor)
  }

  mutating func setInput(_ slot: Int, of node: inout Node, _ tensor: Tensor) {
    while node.inputs.count <= slot { node.inputs.append(nil) }
    node.inputs[slot] = add("opset_\(target)", tensor)
  }

  /// Makes a list of integers an input; false when the node does not have it.
  private mutating func toInput(_ name: String, of node: inout Node, at slot: Int) -> Bool {
    guard let values = node.attributes.removeValue(forKey: name)?.ints else { return false }
    setInput(slot, of: &node, Tensor(values.map(Int64.init)))
    return true
  }

  /// A scalar of the element type of a value; float32 where that is not known.
  private func floating(_ value: Float, like id: ValueID?) -> Tensor {
    switch id.flatMap({ graph[$0].type.tensor?.dataType }) {
    case .float64: return Tensor(scalar: Double(value))
    case .float16:
      var half = Tensor(.float16, [])
      half.withUnsafeMutableBytes { $0.storeBytes(of: NarrowFloat.float16.encode(Double(value)), as: UInt16.self) }
      return half
    default: return Tensor(scalar: value)
    }
  }

  func renameMode(of node: inout Node, _ names: [String: String], default fallback: String) {
    let mode = node.attributes["mode"]?.text ?? fallback
    node.attributes["mode"] = .string(Array((names[mode] ?? mode).utf8))
  }

  private func castByNumber(_ node: inout Node) -> Bool {
    guard let name = node.attributes["to"]?.text?.lowercased() else { return node.attributes["to"]?.int != nil }
    guard let type = DataType.allCases.first(where: { $0.description == name }) else { return false }
    node.attributes["to"] = .int(Int(type.rawValue))
    return true
  }

  /// Before opset 7, shapes were only stretched when `broadcast` said so, and from `axis` on.
  private mutating func broadcastByShape(_ node: inout Node) throws(ConversionError) -> Bool {
    node.attributes["consumed_inputs"] = nil
    let isBroadcast = node.attributes.removeValue(forKey: "broadcast")?.int ?? 0
    let axis = node.attributes.removeValue(forKey: "axis")?.int
    guard isBroadcast != 0, let axis, let right = node.inputs[1] else { return true }
    guard let rank = rank(of: node.inputs[0]), let own = self.rank(of: right) else {
      throw refusal(node, "broadcasts along axis \(axis) of a tensor of unknown rank; fix the shapes with --shape")
    }
    let trailing = rank - (axis < 0 ? axis + rank : axis) - own
    if trailing <= 0 { return trailing == 0 }
    guard let tensor = graph.constants[right] else {
      throw refusal(node, "broadcasts what is not constant along axis \(axis)")
    }
    let shape = Shape(tensor.shape.dims + [Int](repeating: 1, count: trailing))
    node.inputs[1] = add("broadcast", tensor.reshaped(shape))
    return true
  }

  /// Before opset 7, a vector of slopes stood for the channels.
  private mutating func slopeByChannel(_ node: inout Node) -> Bool {
    node.attributes["consumed_inputs"] = nil
    guard node.inputs.count == 2, let slope = node.inputs[1], let own = rank(of: slope) else { return false }
    guard let rank = rank(of: node.inputs[0]) else { return false }
    if own != 1 || rank <= 2 { return true }
    guard let tensor = graph.constants[slope] else { return false }
    if tensor.count == 1 { return true }
    node.inputs[1] = add("slope", tensor.reshaped(Shape([tensor.count] + [Int](repeating: 1, count: rank - 2))))
    return true
  }

  private mutating func sliceByInputs(_ node: inout Node) -> Bool {
    guard let starts = node.attributes.removeValue(forKey: "starts")?.ints,
      let ends = node.attributes.removeValue(forKey: "ends")?.ints
    else { return false }
    setInput(1, of: &node, Tensor(starts.map(Int64.init)))
    setInput(2, of: &node, Tensor(ends.map(Int64.init)))
    if let axes = node.attributes.removeValue(forKey: "axes")?.ints { setInput(3, of: &node, Tensor(axes.map(Int64.init))) }
    return true
  }
}
