import GraphIR
import Tensors

extension Graph {
  /// Takes batch normalization into the weights of the convolution before it, by new constants.
  ///
  /// The runtime does the same in its own form; this form is ONNX, for other runtimes to load.
  mutating func foldNormalizationIntoWeights() {
    let uses = useCounts()
    let producers = self.producers()
    var isRemoved = [Bool](repeating: false, count: nodes.count)
    for index in nodes.indices where nodes[index].isPlain("BatchNormalization") {
      let node = nodes[index]
      guard let source = node.inputs[0], uses[source.index] == 1, let producer = producers[source.index],
        node.outputs.dropFirst().allSatisfy({ $0 == nil || uses[$0!.index] == 0 }),
        let affine = affine(of: node), let folded = folding(affine, into: nodes[producer])
      else { continue }
      nodes[producer].outputs = [node.outputs[0]]
      nodes[producer].inputs = folded
      isRemoved[index] = true
    }
    removeNodes { isRemoved[$0] }
  }

  /// y = scale·x + shift for each channel, at inference.
  private func affine(of node: Node) -> (scale: [Double], shift: [Double])? {
    if case .int(let value)? = node.attributes["training_mode"], value != 0 { return nil }
    if node.version < 9 {
      if case .int(let value)? = node.attributes["spatial"], value == 0 { return nil }
      if node.version < 7, node.attributes["is_test"]?.int != 1 { return nil }
    }
    let vectors = node.inputs.dropFirst().map { $0.flatMap { constants[$0] } }
    guard vectors.count == 4, vectors.allSatisfy({ $0?.dataType == .float32 }) else { return nil }
    let numbers = vectors.map { $0!.elements(as: Float.self).map(Double.init) }
    guard Set(numbers.map(\.count)).count == 1 else { return nil }
    var epsilon = Double(Float(1e-5))
    if case .float(let value)? = node.attributes["epsilon"] { epsilon = Double(value) }
    let scale = zip(numbers[0], numbers[3]).map { $0 / ($1 + epsilon).squareRoot() }
    let shift = numbers[1].indices.map { numbers[1][$0] - numbers[2][$0] * scale[$0] }
    return (scale, shift)
  }

  /// The producer's inputs with new weights and bias; nil where it cannot take them.
  private mutating func folding(_ affine: (scale: [Double], shift: [Double]), into node: Node) -> [ValueID?]? {
    let isTransposed = node.isPlain("ConvTranspose")
    guard isTransposed || node.isPlain("Conv"), node.inputs.count >= 2, let weightID = node.inputs[1],
      let weights = constants[weightID], weights.dataType == .float32, weights.shape.rank > 2
    else { return nil }
    let channels = affine.scale.count
    let groups = node.attributes["group"]?.int ?? 1
    let shape = weights.shape
    guard groups > 0, channels == (isTransposed ? shape[1] * groups : shape[0]) else { return nil }
    var bias = [Double](repeating: 0, count: channels)
    if node.inputs.count > 2, let id = node.inputs[2] {
      guard let given = constants[id], given.dataType == .float32, given.count == channels else { return nil }
      bias = given.elements(as: Float.self).map(Double.init)
    }
    var elements = weights.elements(as: Float.self)
    let kernel = shape.count(2..<shape.rank)
    for index in elements.indices {
      let row = index / (kernel * shape[1]), column = index / kernel % shape[1]
      // Transposed weights list inputs first; the outputs of a group are the same for all inputs of that group.
      let channel = isTransposed ? row / (shape[0] / groups) * shape[1] + column : row
      elements[index] = Float(Double(elements[index]) * affine.scale[channel])
    }
    let shift = bias.indices.map { Float(bias[$0] * affine.scale[$0] + affine.shift[$0]) }
    let name = self[weightID].name
    return [
      node.inputs[0], addConstant("\(name)_normalized", Tensor(elements, shape: shape)),
      addConstant("\(name)_bias", Tensor(shift)),
    ]
  }
}

extension Node {
  func isPlain(_ name: String) -> Bool { domain.isEmpty && operatorName == name && !inputs.isEmpty && !outputs.isEmpty }
}

extension Attribute {
  var int: Int? {
    if case .int(let value) = self { return value }
    return nil
  }

  var ints: [Int]? {
    if case .ints(let values) = self { return values }
    return nil
  }

  var float: Float? {
    if case .float(let value) = self { return value }
    return nil
  }

  var text: String? {
    if case .string(let bytes) = self { return String(decoding: bytes, as: UTF8.self) }
    return nil
  }
}
