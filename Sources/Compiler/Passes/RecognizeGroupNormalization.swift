import GraphIR
import Operators
import Tensors

extension Pass {
  static let recognizeGroupNormalization = Pass(
    "recognize-group-normalization",
    "See an instance normalization of grouped channels, with its scale and bias, as a group normalization."
  ) { (graph, log) throws(CompileError) in
    let pattern = GraphPattern(graph)
    for index in graph.nodes.indices where graph.nodes[index].operatorName == "Add" {
      let node = graph.nodes[index]
      guard let found = GroupedNormalization(node, pattern) else { continue }
      let scale = graph.addConstant("\(node.name) (scale)", Tensor(found.scale))
      let bias = graph.addConstant("\(node.name) (bias)", Tensor(found.bias))
      var made = Node(
        name: node.name, operatorName: "GroupNormalization", version: 21, inputs: [found.x, scale, bias],
        outputs: node.outputs,
        attributes: ["num_groups": .int(found.groups), "epsilon": .float(found.epsilon)])
      do throws(OperatorError) {
        made.implementation = try GroupNormalization(NodeReader(made))
      } catch {
        throw .operatorProblem(error)
      }
      log.did("is a group normalization with \(found.groups) groups", at: node)
      graph.nodes[index] = made
    }
  }
}

/// A group normalization as exporters write it:
/// `Add(Mul(Reshape(InstanceNormalization(Reshape(x)))), scale), bias)`.
private struct GroupedNormalization {
  let x: ValueID
  let groups: Int
  let epsilon: Float
  /// One for each channel.
  let scale: [Float]
  let bias: [Float]

  init?(_ node: Node, _ pattern: GraphPattern) {
    for (product, biasID) in pattern.eitherWay(node) {
      guard let mul = pattern.node(making: product, named: "Mul") else { continue }
      for (whole, scaleID) in pattern.eitherWay(mul) {
        guard let back = pattern.node(making: whole, named: "Reshape"),
          let norm = pattern.node(making: back.inputs[0], named: "InstanceNormalization"), norm.inputs.count == 3,
          let cut = pattern.node(making: norm.inputs[0], named: "Reshape"), let x = cut.inputs[0],
          let shape = pattern.shape(x), let grouped = pattern.shape(norm.inputs[0]), shape.rank >= 3,
          pattern.shape(whole) == shape, pattern.shape(node.outputs[0]) == shape, grouped.rank >= 3,
          grouped[0] == shape[0], shape[1] > 0, grouped[1] > 0, shape[1] % grouped[1] == 0,
          let scale = Self.perChannel(scaleID, shape, pattern), let bias = Self.perChannel(biasID, shape, pattern),
          let ownScale = pattern.constant(norm.inputs[1]), let ownBias = pattern.constant(norm.inputs[2]),
          ownScale.dataType == .float32, ownBias.dataType == .float32
        else { continue }
        let factors = ownScale.elements(as: Float.self), shifts = ownBias.elements(as: Float.self)
        let width = shape[1] / grouped[1]
        self.x = x
        groups = grouped[1]
        if case .float(let value)? = norm.attributes["epsilon"] { epsilon = value } else { epsilon = 1e-5 }
        self.scale = scale.indices.map { scale[$0] * factors[$0 / width] }
        self.bias = bias.indices.map { shifts[$0 / width] * scale[$0] + bias[$0] }
        return
      }
    }
    return nil
  }

  /// The elements of a constant that has one for each channel (axis 1) of `shape`.
  private static func perChannel(_ id: ValueID, _ shape: Shape, _ pattern: GraphPattern) -> [Float]? {
    guard let tensor = pattern.constant(id), tensor.dataType == .float32, tensor.count == shape[1] else { return nil }
    let axis = tensor.shape.rank - (shape.rank - 1)
    guard axis >= 0, tensor.shape.rank <= shape.rank, tensor.shape[axis] == shape[1] else { return nil }
    return tensor.elements(as: Float.self)
  }
}
