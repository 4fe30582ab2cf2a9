import Foundation
import GraphIR
import ONNXFormat
import Tensors
import Testing

/// The path of a committed model.
func fixture(_ name: String) -> String {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures/\(name)").path
}

func fixtureBytes(_ name: String) throws -> [UInt8] {
  [UInt8](try Data(contentsOf: URL(fileURLWithPath: fixture(name))))
}

func fileBytes(_ path: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) }

/// Calls `body` with an empty folder that is removed afterwards.
func withTemporaryFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("onnx-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder.path)
}

func write(_ bytes: some Sequence<UInt8>, to path: String) throws {
  try Data(bytes).write(to: URL(fileURLWithPath: path))
}

/// Reads `bytes`; a refusal must be one readable line.
@discardableResult
func loadOrRefuse(_ bytes: [UInt8], limits: ImportLimits = .standard) -> Result<ONNXModel, ImportError> {
  do {
    let model = try ONNXImporter.load(bytes: bytes, limits: limits)
    if let flaw = flaw(of: model.graph) { Issue.record("a graph that is not well formed came out: \(flaw)") }
    return .success(model)
  } catch {
    expectOneLine(error)
    return .failure(error)
  }
}

private func flaw(of graph: Graph) -> GraphError? {
  do {
    try graph.verify()
    return nil
  } catch {
    return error
  }
}

func expectOneLine(_ error: ImportError) {
  #expect(!error.description.contains { $0.isNewline || $0 == "\0" })
  #expect(error.description.hasPrefix(error.path))
}

/// The problem that loading `bytes` meets.
func problem(loading bytes: [UInt8], limits: ImportLimits = .standard) -> ImportError.Problem? {
  guard case .failure(let error) = loadOrRefuse(bytes, limits: limits) else { return nil }
  return error.problem
}

/// A repeatable source of numbers (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}

/// Protobuf's encoding, written by hand so that tests can also write it wrong.
enum Wire {
  static func varint(_ value: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(rest & 0x7f) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }

  static func int(_ field: Int, _ value: Int) -> [UInt8] {
    varint(UInt64(field << 3)) + varint(UInt64(bitPattern: Int64(value)))
  }

  static func data(_ field: Int, _ content: [UInt8]) -> [UInt8] {
    varint(UInt64(field << 3 | 2)) + varint(UInt64(content.count)) + content
  }

  static func text(_ field: Int, _ content: String) -> [UInt8] { data(field, Array(content.utf8)) }

  /// A model of IR version 8 and opset 17 around the fields of a graph.
  static func model(graph: [UInt8]) -> [UInt8] { int(1, 8) + data(7, graph) + data(8, text(1, "") + int(2, 17)) }

  static func node(_ operatorName: String, _ inputs: [String], _ outputs: [String], name: String = "") -> [UInt8] {
    let content =
      inputs.flatMap { text(1, $0) } + outputs.flatMap { text(2, $0) } + (name.isEmpty ? [] : text(3, name))
      + text(4, operatorName)
    return data(1, content)
  }

  static func tensor(_ field: Int, name: String, type: Int = 1, dims: [Int], _ rest: [UInt8]) -> [UInt8] {
    data(field, dims.flatMap { int(1, $0) } + int(2, type) + text(8, name) + rest)
  }
}

/// A graph of a few nodes with a constant large enough to stay in the file.
func smallModel() -> ONNXModel {
  var graph = Graph(name: "small")
  let x = graph.addInput("x", TensorType(.float32, [.symbol("n"), 64]))
  let weights = graph.addConstant("w", Tensor((0..<4096).map(Float.init), shape: [64, 64]))
  let product = graph.addValue("product")
  let y = graph.addValue("y", type: .tensor(TensorType(.float32, [.symbol("n"), .unknown])))
  graph.nodes = [
    Node(name: "mul", operatorName: "MatMul", version: 17, inputs: [x, weights], outputs: [product]),
    Node(
      name: "leak", operatorName: "LeakyRelu", version: 17, inputs: [product], outputs: [y],
      attributes: ["alpha": .float(0.125)]),
  ]
  graph.outputs = [y]
  return ONNXModel(graph: graph, opsets: ["": 17], irVersion: 8)
}
