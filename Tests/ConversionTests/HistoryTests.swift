import GraphIR
import Tensors
import Testing

import Conversion

struct HistoryTests {
  @Test func theTableIsReadWhole() throws {
    let lines = OperatorHistory.table.split(separator: "\n").count
    #expect(OperatorHistory.all.count == lines && lines > 190)
    for (name, history) in OperatorHistory.all {
      let versions = [history.firstVersion] + history.changes.map(\.version)
      #expect(versions == Set(versions).sorted() && versions[0] > 0, "\(name)")
    }
    let reshape = try #require(OperatorHistory.all["Reshape"])
    #expect(reshape.firstVersion == 1)
    guard case .compatible(let added, nil) = try #require(reshape.changes.first { $0.version == 14 }).kind else {
      Issue.record("opset 14 only added to Reshape")
      return
    }
    #expect(added == ["allowzero"])
  }

  @Test func bodiesAreConvertedToo() throws {
    var body = Graph(name: "body")
    let x = body.addInput("a", TensorType(.float32, [2, 3] as Shape))
    let y = body.addValue("b")
    body.nodes = [
      Node(
        name: "inner", operatorName: "ReduceSum", version: 11, inputs: [x], outputs: [y], attributes: ["axes": .ints([1])])
    ]
    body.outputs = [y]
    var graph = Graph(name: "outer")
    let flag = graph.addInput("flag", TensorType(.bool, [] as Shape))
    let result = graph.addValue("result")
    graph.nodes = [
      Node(
        name: "choice", operatorName: "If", version: 11, inputs: [flag], outputs: [result],
        attributes: ["then_branch": .graph(body), "else_branch": .graph(body)])
    ]
    graph.outputs = [result]
    var converter = OpsetConverter(graph, target: 17)
    let converted = try converter.converted()
    #expect(converted.nodes[0].version == 17)
    guard case .graph(let branch)? = converted.nodes[0].attributes["then_branch"] else {
      Issue.record("the branch is gone")
      return
    }
    #expect(branch.nodes[0].version == 17 && branch.nodes[0].attributes.isEmpty && branch.nodes[0].inputs.count == 2)
    #expect(branch.constants[branch.nodes[0].inputs[1]!]?.integers == [1])
    try branch.verify()
  }

  @Test func newTypesStayAbove() {
    var graph = Graph()
    let x = graph.addInput("x", TensorType(.bfloat16, [2] as Shape))
    graph.outputs = [x]
    #expect(throws: ConversionError.self) {
      var converter = OpsetConverter(graph, target: 12)
      return try converter.converted()
    }
  }
}
