import Tensors

extension Graph {
  /// Adds a value and returns its id.
  public mutating func addValue(_ name: String, type: ValueType = .unknown) -> ValueID {
    values.append(Value(name: name, type: type))
    return ValueID(index: values.count - 1)
  }

  public mutating func addInput(_ name: String, _ type: TensorType) -> ValueID {
    let id = addValue(name, type: .tensor(type))
    inputs.append(id)
    return id
  }

  public mutating func addConstant(_ name: String, _ tensor: Tensor) -> ValueID {
    let id = addValue(name, type: .tensor(TensorType(tensor.dataType, tensor.shape)))
    constants[id] = tensor
    return id
  }

  /// Makes a value constant that until now was made by a node or undefined.
  public mutating func setConstant(_ id: ValueID, _ tensor: Tensor) {
    constants[id] = tensor
    values[id.index].type = .tensor(TensorType(tensor.dataType, tensor.shape))
  }

  /// Makes every reader of `old`, and the list of outputs, read `new` instead.
  public mutating func replaceUses(of old: ValueID, with new: ValueID) {
    for index in nodes.indices {
      for slot in nodes[index].inputs.indices where nodes[index].inputs[slot] == old {
        nodes[index].inputs[slot] = new
      }
    }
    for slot in outputs.indices where outputs[slot] == old { outputs[slot] = new }
  }

  /// Drops nodes for which `isRemoved` holds, by index.
  public mutating func removeNodes(where isRemoved: (Int) -> Bool) {
    nodes = nodes.enumerated().filter { !isRemoved($0.offset) }.map(\.element)
  }

  /// How often each value is read, the graph's outputs and its subgraphs' captures included.
  public func useCounts() -> [Int] {
    var counts = [Int](repeating: 0, count: values.count)
    for node in nodes { for case let id? in node.inputs { counts[id.index] += 1 } }
    for id in outputs { counts[id.index] += 1 }
    let captured = Set(nodes.flatMap { capturedNames(of: $0) })
    if !captured.isEmpty {
      for index in values.indices where captured.contains(values[index].name) { counts[index] += 1 }
    }
    return counts
  }

  /// The index of the node that makes each value.
  public func producers() -> [Int?] {
    var result = [Int?](repeating: nil, count: values.count)
    for (index, node) in nodes.enumerated() { for case let id? in node.outputs { result[id.index] = index } }
    return result
  }

  /// The names of enclosing values that the node's subgraphs read.
  public func capturedNames(of node: Node) -> [String] {
    var names: [String] = []
    for attribute in node.attributes.values {
      switch attribute {
      case .graph(let graph): names += graph.captures.map(\.outerName)
      case .graphs(let graphs): names += graphs.flatMap { $0.captures.map(\.outerName) }
      default: break
      }
    }
    return names
  }
}
