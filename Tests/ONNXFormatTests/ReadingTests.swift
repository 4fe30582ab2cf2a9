import Foundation
import GraphIR
import ONNXFormat
import Tensors
import Testing

/// Models that ONNX's own package wrote.
@Suite struct ReadingTests {
  @Test func typedFieldsMeanWhatRawBytesMean() throws {
    let model = try ONNXImporter.load(path: fixture("typed_fields.onnx"))
    let constants = Dictionary(uniqueKeysWithValues: model.graph.constants.map { (model.graph[$0].name, $1) })
    var pairs = 0
    for (name, typed) in constants where name.hasSuffix("_typed") {
      let raw = try #require(constants[name.replacingOccurrences(of: "_typed", with: "_raw")])
      #expect(raw.dataType == typed.dataType && raw.shape == typed.shape)
      #expect(raw.withUnsafeBytes { Array($0) } == typed.withUnsafeBytes { Array($0) }, "\(name)")
      pairs += 1
    }
    #expect(pairs == 50)
    let strings = try #require(constants["STRING"])
    #expect(strings.strings == ["", "héllo", "日本", String(repeating: "a", count: 300)])
  }

  @Test func absentOperandsAreNil() throws {
    let graph = try ONNXImporter.load(path: fixture("structure.onnx")).graph
    #expect(graph.nodes[0].inputs.map { $0.map { graph[$0].name } } == ["x", nil, "factor"])
    #expect(graph.nodes[2].outputs.map { $0.map { graph[$0].name } } == ["kept", nil])
  }

  @Test func nodesAreNamedByThemselvesOrTheirFirstOutput() throws {
    let graph = try ONNXImporter.load(path: fixture("structure.onnx")).graph
    #expect(graph.nodes.map(\.name) == ["limit", "chosen", "limit", "y", "list", "unused"])
  }

  @Test func subgraphsCaptureThroughEveryLevel() throws {
    let graph = try ONNXImporter.load(path: fixture("structure.onnx")).graph
    guard case .graph(let then)? = graph.nodes[1].attributes["then_branch"],
      case .graph(let innermost)? = then.nodes[0].attributes["then_branch"]
    else {
      Issue.record("the branches are missing")
      return
    }
    #expect(Set(innermost.captures.map(\.outerName)) == ["x", "factor"])
    #expect(Set(then.captures.map(\.outerName)) == ["x", "factor", "flag", "clipped"])
    for capture in then.captures { #expect(then[capture.inner].name == capture.outerName) }
  }

  @Test func typesKeepSymbolsAndContainers() throws {
    let graph = try ONNXImporter.load(path: fixture("structure.onnx")).graph
    #expect(graph[graph.inputs[0]].type == .tensor(TensorType(.float32, [.symbol("rows"), 3])))
    #expect(graph[graph.inputs[1]].type == .tensor(TensorType(.bool, Shape([]))))
    #expect(graph[graph.outputs[1]].type == .sequence(.tensor(TensorType(.float32, nil))))
    let clipped = try #require(graph.values.first { $0.name == "clipped" })
    #expect(clipped.type == .tensor(TensorType(.float32, [.symbol("rows"), .unknown])))
  }

  @Test func namesThatSayNothingAreUnknownExtents() throws {
    let names = ["?", "-1", "None", "", "n", "unk__7", "DynamicDimension.0"]
    var graph = Graph(name: "identity")
    let x = graph.addInput("x", TensorType(.float32, names.map(GraphIR.Dimension.symbol)))
    let y = graph.addValue("y")
    graph.nodes = [Node(name: "copy", operatorName: "Identity", version: 17, inputs: [x], outputs: [y])]
    graph.outputs = [y]
    let bytes = try ONNXExporter.encode(ONNXModel(graph: graph, opsets: ["": 17], irVersion: 8))
    let read = try ONNXImporter.load(bytes: bytes).graph
    let wanted: [GraphIR.Dimension] = [
      .unknown, .unknown, .unknown, .unknown, .symbol("n"), .symbol("unk__7"), .symbol("DynamicDimension.0"),
    ]
    #expect(read[read.inputs[0]].type.tensor?.dims == wanted)
  }

  @Test func sparseTensorsBecomeDense() throws {
    let graph = try ONNXImporter.load(path: fixture("structure.onnx")).graph
    let sparse = try #require(graph.constants.first { graph[$0.key].name == "sparse" }?.value)
    #expect(sparse.shape == [2, 3])
    #expect(sparse.elements(as: Float.self) == [0, 1.5, 0, 0, 0, -2.5])
  }

  @Test func factsOfTheFileAreKept() throws {
    let model = try ONNXImporter.load(path: fixture("structure.onnx"))
    #expect(model.opsets == ["": 21, "com.example.unused": 7])
    #expect(model.irVersion == 10)
    #expect(model.producerName == "fixtures")
    #expect(model.metadata == ["author": "viseme", "note": "two\nlines"])
    #expect(model.graph.nodes.allSatisfy { $0.version == 21 })
  }

  @Test func oldModelsListInitializersAsInputsAndLeaveOutTypes() throws {
    let graph = try ONNXImporter.load(path: fixture("old.onnx")).graph
    #expect(graph.inputs.map { graph[$0].name } == ["x"])
    #expect(graph.nodes.map(\.operatorName) == ["Mul", "Concat"], "sorted: the file has them the other way round")
    guard case .int(1)? = graph.nodes[1].attributes["axis"] else {
      Issue.record("the untyped attribute is lost")
      return
    }
  }

  @Test func externalDataIsReadAtItsOffset() throws {
    let model = try ONNXImporter.load(path: fixture("external.onnx"))
    let constants = Dictionary(uniqueKeysWithValues: model.graph.constants.map { (model.graph[$0].name, $1) })
    #expect(constants["w"]?.elements(as: Float.self) == (0..<24).map(Float.init))
    #expect(constants["t"]?.elements(as: Int16.self) == Array(-8..<8))
  }
}
