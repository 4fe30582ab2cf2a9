import Foundation
import GraphIR
import ONNXFormat
import Tensors
import Testing

/// Files that are broken, or made to break the reader.
@Suite struct HostileModelTests {
  @Test(arguments: ["structure", "functions", "old", "typed_fields"])
  func everyTruncationIsRefusedOrReadInSafety(name: String) throws {
    let whole = try fixtureBytes("\(name).onnx")
    let step = max(1, whole.count / 2000)
    for count in stride(from: 0, to: whole.count, by: step) { loadOrRefuse(Array(whole.prefix(count))) }
  }

  @Test func flippedBitsAreRefusedOrReadInSafety() throws {
    let seed: UInt64 = 20_261_122
    print("flippedBitsAreRefusedOrReadInSafety: seed \(seed)")
    var random = SeededGenerator(seed: seed)
    let models = try ["structure", "functions", "old", "external"].map { try fixtureBytes("\($0).onnx") }
    for round in 0..<10_000 {
      var bytes = models[round % models.count]
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      }
      guard case .success(let model) = loadOrRefuse(bytes) else { continue }
      _ = try? model.inliningFunctions(nodeLimit: 10_000)
      _ = try? ONNXExporter.encode(model)
    }
  }

  @Test func randomBytesAreRefusedOrReadInSafety() {
    let seed: UInt64 = 7
    print("randomBytesAreRefusedOrReadInSafety: seed \(seed)")
    var random = SeededGenerator(seed: seed)
    for _ in 0..<2000 {
      loadOrRefuse((0..<Int.random(in: 0..<200, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) })
    }
  }

  @Test func deepTypesAreRefused() {
    var type: [UInt8] = Wire.data(1, Wire.int(1, 1))
    for _ in 0..<3000 { type = Wire.data(4, Wire.data(1, type)) }
    let graph = Wire.data(11, Wire.text(1, "x") + Wire.data(2, type))
    #expect(problem(loading: Wire.model(graph: graph)) == .nestedTooDeeply(limit: 64))
  }

  @Test func deepGraphsAreRefused() {
    func nested(_ levels: Int) -> [UInt8] {
      var graph: [UInt8] = []
      for _ in 0..<levels {
        let attribute = Wire.text(1, "body") + Wire.data(6, graph) + Wire.int(20, 5)
        graph = Wire.data(1, Wire.text(4, "Loop") + Wire.data(5, attribute))
      }
      return Wire.model(graph: graph)
    }
    #expect(problem(loading: nested(3000)) == .nestedTooDeeply(limit: 64))
    #expect(problem(loading: nested(63)) == nil)
  }

  @Test func countsAreLimited() {
    let graph = [UInt8](repeatElement([0x0a, 0x00], count: 5000).joined())
    var limits = ImportLimits.standard
    limits.nodeCount = 4999
    #expect(problem(loading: Wire.model(graph: graph), limits: limits) == .missingName(of: "an operator"))
    let named = [UInt8](repeatElement(Wire.node("Identity", [], []), count: 5000).joined())
    #expect(problem(loading: Wire.model(graph: named), limits: limits) == .tooMany(what: "nodes", limit: 4999))
  }

  @Test func memoryOfTheStructureIsLimited() {
    // Empty messages take two bytes in the file and over a hundred in memory.
    let graph = [UInt8](repeatElement([0x5a, 0x00], count: 200_000).joined())
    var limits = ImportLimits.standard
    limits.structureByteCount = 4 << 20
    guard case .tooLarge? = problem(loading: Wire.model(graph: graph), limits: limits) else {
      Issue.record("200,000 empty messages fit in 4 MiB")
      return
    }
  }

  @Test(arguments: [
    [1 << 40, 1 << 40], [-1], [1 << 62], [Int.max, 2, 0], [1 << 33],
  ])
  func impossibleShapesAreRefused(dims: [Int]) {
    let graph = Wire.tensor(5, name: "w", dims: dims, Wire.data(9, [0, 0, 0, 0]))
    #expect(problem(loading: Wire.model(graph: graph)) != nil)
  }

  @Test(arguments: [[1 << 40, 1 << 40], [1 << 62, 4], [0, 1 << 40, 1 << 40]])
  func impossibleTypesSayNothing(dims: [Int]) throws {
    let shape = dims.flatMap { Wire.data(1, Wire.int(1, $0)) }
    let type = Wire.data(2, Wire.data(1, Wire.int(1, 1) + Wire.data(2, shape)))
    let model = try ONNXImporter.load(bytes: Wire.model(graph: Wire.data(11, Wire.text(1, "x") + type)))
    #expect(model.graph[model.graph.inputs[0]].type == .tensor(TensorType(.float32, nil as [GraphIR.Dimension]?)))
  }

  @Test func missingDataIsRefusedWithoutAllocating() {
    // 8 GB of float are declared and nothing is there.
    let kilobyte = [UInt8](repeating: 0, count: 1000)
    for rest in [[], Wire.data(9, kilobyte), Wire.data(4, kilobyte)] {
      let graph = Wire.tensor(5, name: "w", dims: [1 << 31], rest)
      guard case .invalidTensor? = problem(loading: Wire.model(graph: graph)) else {
        Issue.record("a tensor without its data was read")
        return
      }
    }
    let integers = Wire.tensor(5, name: "w", type: 7, dims: [1 << 30], Wire.data(7, kilobyte))
    guard case .invalidTensor? = problem(loading: Wire.model(graph: integers)) else {
      Issue.record("a tensor without its data was read")
      return
    }
  }

  @Test func sparseTensorsMayNotGrowWithoutEnd() {
    let values = Wire.tensor(1, name: "w", dims: [1], Wire.data(9, [0, 0, 0, 0]))
    let indices = Wire.tensor(2, name: "", type: 7, dims: [1], Wire.data(9, [UInt8](repeating: 0, count: 8)))
    let graph = Wire.data(15, values + indices + Wire.int(3, 1 << 31))
    guard case .tooLarge? = problem(loading: Wire.model(graph: graph)) else {
      Issue.record("8 GB were expanded from 4 bytes")
      return
    }
  }

  @Test func sparseIndicesOutsideAreRefused() {
    for index: UInt8 in [4, 255] {
      let values = Wire.tensor(1, name: "w", dims: [1], Wire.data(9, [0, 0, 0, 0]))
      let bytes = index == 255 ? [UInt8](repeating: 255, count: 8) : [index, 0, 0, 0, 0, 0, 0, 0]
      let indices = Wire.tensor(2, name: "", type: 7, dims: [1], Wire.data(9, bytes))
      let graph = Wire.data(15, values + indices + Wire.int(3, 4))
      #expect(problem(loading: Wire.model(graph: graph)) != nil)
    }
  }

  @Test func brokenEncodingsNameTheirByte() {
    let broken: [[UInt8]] = [
      [0x08], [0x0b, 0x08], [0x00, 0x00], Wire.data(7, [0x0a, 0x7f]), [UInt8](repeating: 0xff, count: 20),
      [0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], Wire.int(7, 3), Wire.int(1, 8) + [0x3d, 0, 0],
    ]
    for bytes in broken {
      guard case .failure(let error) = loadOrRefuse(bytes), case .malformed = error.problem else {
        Issue.record("\(bytes) was read")
        continue
      }
      #expect(error.place.hasPrefix("byte "))
    }
  }

  @Test func namesMayNotHideBytes() {
    let graph = Wire.node("Identity", [], ["a\0b"])
    guard case .malformed? = problem(loading: Wire.model(graph: graph)) else {
      Issue.record("a name with a zero byte was cut short")
      return
    }
  }

  @Test func messagesStayOnOneLine() {
    let graph = Wire.node("Identity", ["nothing\u{1b}[2J\nhere"], ["y"], name: "evil\nname")
    guard case .failure(let error) = loadOrRefuse(Wire.model(graph: graph)) else {
      Issue.record("an undefined input was accepted")
      return
    }
    #expect(!error.description.contains("\u{1b}"))
  }

  @Test func namesHaveOneOrigin() {
    let input = Wire.data(11, Wire.text(1, "x"))
    let initializer = Wire.tensor(5, name: "w", dims: [], Wire.data(9, [0, 0, 0, 0]))
    let graphs = [
      input + input, initializer + initializer,
      input + Wire.node("Identity", ["x"], ["x"]),
      initializer + Wire.node("Identity", ["w"], ["w"]),
      input + Wire.node("Split", ["x"], ["y", "y"]),
      input + Wire.node("Neg", ["x"], ["y"]) + Wire.node("Abs", ["x"], ["y"]),
    ]
    for graph in graphs {
      guard case .repeatedName? = problem(loading: Wire.model(graph: graph)) else {
        Issue.record("a name with two origins was accepted")
        continue
      }
    }
  }

  @Test func cyclesAreFoundAndDisorderIsNot() {
    let cycle = Wire.node("Neg", ["b"], ["a"], name: "first") + Wire.node("Abs", ["a"], ["b"], name: "second")
    guard case .cycle? = problem(loading: Wire.model(graph: cycle)) else {
      Issue.record("a cycle was accepted")
      return
    }
    let input = Wire.data(11, Wire.text(1, "x"))
    let disorder = Wire.node("Neg", ["b"], ["a"]) + Wire.node("Abs", ["x"], ["b"])
    #expect(problem(loading: Wire.model(graph: input + disorder)) == nil)
  }

  @Test func missingFactsAreNamed() {
    #expect(problem(loading: []) == .empty)
    #expect(problem(loading: Wire.int(1, 8)) == .missingGraph)
    let graph = Wire.data(7, Wire.node("Neg", [], ["y"]))
    #expect(problem(loading: Wire.int(1, 8) + graph) == .missingOpset(domain: ""))
    let two = [17, 18].flatMap { Wire.data(8, Wire.int(2, $0)) }
    #expect(problem(loading: Wire.int(1, 8) + graph + two) == .conflictingOpsets(domain: ""))
    let output = Wire.data(12, Wire.text(1, "nothing"))
    #expect(problem(loading: Wire.model(graph: output)) == .undefinedName("nothing"))
  }

  @Test func largeGraphsTakeLinearTime() throws {
    var graph = Graph(name: "long")
    var last = graph.addInput("x", TensorType(.float32, [1]))
    for index in 0..<20_000 {
      let next = graph.addValue("v\(index)")
      graph.nodes.append(Node(operatorName: "Neg", version: 17, inputs: [last], outputs: [next]))
      last = next
    }
    graph.outputs = [last]
    graph.nodes.reverse()
    let bytes = try ONNXExporter.encode(ONNXModel(graph: graph, opsets: ["": 17]))
    let start = ContinuousClock.now
    let model = try ONNXImporter.load(bytes: bytes)
    #expect(model.graph.nodes.count == 20_000)
    // Two hundred million steps would take longer.
    #expect(ContinuousClock.now - start < .seconds(30))
  }
}
