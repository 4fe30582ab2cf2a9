import GraphIR
import ONNXFormat
import Tensors
import Testing

@Suite struct FunctionTests {
  @Test func callsAreReplacedByBodies() throws {
    let model = try ONNXImporter.load(path: fixture("functions.onnx"))
    #expect(model.functions.map(\.id.operatorName) == ["Square", "Shaped:full"])
    let inlined = try model.inliningFunctions()
    let graph = inlined.graph
    try graph.verify()
    #expect(inlined.functions.isEmpty)
    #expect(
      graph.nodes.map(\.operatorName)
        == ["Mul", "LeakyRelu", "Constant", "If", "Identity", "Mul", "LeakyRelu", "Constant", "If"])
    #expect(graph.outputs.map { graph[$0].name } == ["z", "copy"])
    // Once from the call, once from the default.
    guard case .float(0.125)? = graph.nodes[1].attributes["alpha"],
      case .float(0.25)? = graph.nodes[2].attributes["value_float"],
      case .float(2)? = graph.nodes[7].attributes["value_float"]
    else {
      Issue.record("attributes of the calls did not reach the bodies")
      return
    }
  }

  @Test func operandsACallLeavesOutAreAbsentInSubgraphs() throws {
    let graph = try ONNXImporter.load(path: fixture("functions.onnx")).inliningFunctions().graph
    guard case .graph(let first)? = graph.nodes[3].attributes["else_branch"],
      case .graph(let second)? = graph.nodes[8].attributes["else_branch"]
    else {
      Issue.record("the branches are missing")
      return
    }
    #expect(first.captures.map(\.outerName) == ["first/leaky"])
    #expect(first.nodes[0].inputs[1] == nil)
    #expect(second.captures.map(\.outerName) == ["z/leaky", "floor"])
    #expect(second.nodes[0].inputs[1] != nil)
  }

  /// Functions f0 … fn, each calling the one before twice.
  private func chain(_ levels: Int, recursive: Bool = false) -> ONNXModel {
    func body(_ callee: String?) -> Graph {
      var graph = Graph()
      let input = graph.addValue("a")
      let middle = graph.addValue("b")
      let output = graph.addValue("c")
      let name = callee ?? "Neg"
      let domain = callee == nil ? "" : "laughs"
      graph.inputs = [input]
      graph.outputs = [output]
      graph.nodes = [
        Node(operatorName: name, domain: domain, version: 1, inputs: [input], outputs: [middle]),
        Node(operatorName: name, domain: domain, version: 1, inputs: [middle], outputs: [output]),
      ]
      return graph
    }
    var graph = Graph(name: "main")
    let x = graph.addInput("x", TensorType(.float32, [1]))
    let y = graph.addValue("y")
    graph.outputs = [y]
    graph.nodes = [
      Node(name: "top", operatorName: "f\(levels - 1)", domain: "laughs", version: 1, inputs: [x], outputs: [y])
    ]
    var model = ONNXModel(graph: graph, opsets: ["": 1, "laughs": 1])
    for level in 0..<levels {
      let callee = level == 0 ? (recursive ? "f\(levels - 1)" : nil) : "f\(level - 1)"
      model.functions.append(
        ONNXFunction(
          id: .init(domain: "laughs", name: "f\(level)"), opsets: ["": 1, "laughs": 1], body: body(callee)))
    }
    return model
  }

  @Test func nestedCallsExpand() throws {
    let graph = try chain(6).inliningFunctions().graph
    try graph.verify()
    #expect(graph.nodes.count == 64)
  }

  @Test func billionLaughsStop() {
    #expect(throws: GraphError.self) { try chain(40).inliningFunctions(nodeLimit: 100_000) }
  }

  @Test func endlessCallsStop() {
    #expect(throws: GraphError.self) { try chain(1, recursive: true).inliningFunctions(nodeLimit: 100_000) }
    #expect(throws: GraphError.self) { try chain(3, recursive: true).inliningFunctions(nodeLimit: 100_000) }
  }
}
