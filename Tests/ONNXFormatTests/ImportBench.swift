import Foundation
import GraphIR
import ONNXFormat
import Tensors
import Testing

/// Measures what import costs, in a process of its own:
/// `VISEME_BENCH=1 swift test -c release --filter ImportBench`.
@Suite(.serialized, .enabled(if: ProcessInfo.processInfo.environment["VISEME_BENCH"] != nil))
struct ImportBench {
  /// Kilobytes the process has (`VmRSS`) or had at most (`VmHWM`).
  private func memory(_ key: String) throws -> Int {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix(key) })
    return try #require(line.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) })
  }

  @Test func memoryStaysBelowAThirdMoreThanTheWeights() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/large.onnx"
      let weights = 38 * (4 << 10)
      try ONNXExporter.write(additions(count: 38, elements: 1 << 20), to: path)
      let before = try memory("VmRSS")
      let model = try ONNXImporter.load(path: path)
      let loaded = try memory("VmRSS")
      var sum = 0
      for tensor in model.graph.constants.values {
        tensor.withUnsafeBytes { bytes in
          for index in stride(from: 0, to: bytes.count, by: 512) { sum += Int(bytes[index]) }
        }
      }
      let peak = try memory("VmHWM")
      model.adviseUnneeded()
      let advised = try memory("VmRSS")
      print("weights \(weights) kB; over the start: loaded \(loaded - before), all read at most \(peak - before),")
      print("after the advice \(advised - before) kB")
      #expect(peak - before < weights * 13 / 10)
    }
  }

  @Test func aMillionNodesTakeSeconds() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/many.onnx"
      var model = additions(count: 1, elements: 4)
      var last = model.graph.outputs[0]
      for index in 0..<1_000_000 {
        let next = model.graph.addValue("value_of_node_\(index)")
        model.graph.nodes.append(
          Node(
            name: "node_\(index)", operatorName: "Concat", version: 17, inputs: [last, last], outputs: [next],
            attributes: ["axis": .int(0)]))
        last = next
      }
      model.graph.outputs = [last]
      try ONNXExporter.write(model, to: path)
      let time = try ContinuousClock().measure { _ = try ONNXImporter.load(path: path) }
      print("a million nodes: \(time)")
    }
  }

  /// x + w0 + w1 + …, all weights the same memory until written.
  private func additions(count: Int, elements: Int) -> ONNXModel {
    var graph = Graph(name: "additions")
    let weights = Tensor([Float](repeating: 0.5, count: elements))
    var last = graph.addInput("x", TensorType(.float32, [.fixed(elements)]))
    for index in 0..<count {
      let constant = graph.addConstant("w\(index)", weights)
      let next = graph.addValue("y\(index)")
      graph.nodes.append(Node(operatorName: "Add", version: 17, inputs: [last, constant], outputs: [next]))
      last = next
    }
    graph.outputs = [last]
    return ONNXModel(graph: graph, opsets: ["": 17])
  }
}
