import GraphIR
import Operators
import Tensors

extension Pass {
  static let recognizeActivations = Pass(
    "recognize-activations", "See x · sigmoid(x) and x · (1 + erf(x / √2)) / 2 as SiLU and GELU."
  ) { (graph, log) throws(CompileError) in
    let pattern = GraphPattern.Activations(graph)
    for index in graph.nodes.indices where graph.nodes[index].operatorName == "Mul" {
      let node = graph.nodes[index]
      guard node.domain.isEmpty || node.domain == "ai.onnx" else { continue }
      let found: (name: String, version: Int, argument: ValueID)
      if let argument = pattern.silu(node) {
        found = ("Swish", 24, argument)
      } else if let argument = pattern.gelu(node) {
        found = ("Gelu", 20, argument)
      } else {
        continue
      }
      var made = Node(
        name: node.name, operatorName: found.name, version: found.version, inputs: [found.argument],
        outputs: node.outputs)
      do throws(OperatorError) {
        made.implementation = try ParametricActivation(NodeReader(made))
      } catch {
        throw .operatorProblem(error)
      }
      log.did("is \(found.name)", at: node)
      graph.nodes[index] = made
    }
  }
}

extension GraphPattern {
  fileprivate struct Activations {
    let pattern: GraphPattern

    init(_ graph: Graph) { pattern = GraphPattern(graph) }

    /// x, if the node is x · sigmoid(x).
    func silu(_ node: Node) -> ValueID? {
      for (x, gate) in pattern.eitherWay(node) {
        if let sigmoid = pattern.node(making: gate, named: "Sigmoid"), sigmoid.inputs.first == x { return x }
      }
      return nil
    }

    /// x, if the node is a product of x, 1 + erf(x / √2) and one half, in any order.
    func gelu(_ node: Node) -> ValueID? {
      for (a, b) in pattern.eitherWay(node) {
        for (x, gate, half) in factors(a, b) where pattern.scalar(half) == 0.5 {
          if isOnePlusErf(gate, of: x) { return x }
        }
      }
      return nil
    }

    /// Ways to see a · b as a product of three, if a is a product.
    private func factors(_ a: ValueID, _ b: ValueID) -> [(ValueID, ValueID, ValueID)] {
      guard let inner = pattern.node(making: a, named: "Mul") else { return [] }
      return pattern.eitherWay(inner).flatMap { first, second in
        [(first, second, b), (first, b, second), (b, first, second)]
      }
    }

    private func isOnePlusErf(_ gate: ValueID, of x: ValueID) -> Bool {
      guard let sum = pattern.node(making: gate, named: "Add") else { return false }
      for (one, other) in pattern.eitherWay(sum) {
        guard pattern.scalar(one) == 1, let erf = pattern.node(making: other, named: "Erf"),
          let argument = pattern.node(making: erf.inputs.first ?? nil, named: "Div", "Mul"),
          let (value, factor) = pattern.scaled(argument)
        else { continue }
        if value == x, (factor - Float(0.5).squareRoot()).magnitude < 1e-6 { return true }
      }
      return false
    }
  }
}
