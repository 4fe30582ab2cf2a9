import Foundation
import GraphIR
import ONNXFormat
import Tensors
import Testing

@Suite struct RoundTripTests {
  @Test(arguments: ["typed_fields", "structure", "functions", "old", "external"])
  func writingAndReadingAgainChangesNothing(name: String) throws {
    let model = try ONNXImporter.load(path: fixture("\(name).onnx"))
    let encoded = try ONNXExporter.encode(model)
    try withTemporaryFolder { folder in
      for threshold in [nil, 1, 100] {
        let path = "\(folder)/copy.onnx"
        try ONNXExporter.write(model, to: path, options: .init(externalDataThreshold: threshold))
        let copy = try ONNXImporter.load(path: path)
        try copy.graph.verify()
        let encodedCopy = try ONNXExporter.encode(copy)
        #expect(encodedCopy == encoded, "threshold \(threshold ?? -1)")
      }
    }
  }

  @Test func weightsStayInTheFile() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/small.onnx"
      try ONNXExporter.write(smallModel(), to: path)
      let model = try ONNXImporter.load(path: path)
      let weights = try #require(model.graph.constants.values.first)
      let file = try #require(model.mappings.first?.bytes)
      let start = try #require(file.baseAddress)
      #expect(weights.baseAddress >= start && weights.baseAddress + weights.byteCount <= start + file.count)
      model.adviseUnneeded()
      #expect(weights.elements(as: Float.self) == (0..<4096).map(Float.init), "pages come back after the advice")
    }
  }

  @Test func weightsOutliveTheModel() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/small.onnx"
      try ONNXExporter.write(smallModel(), to: path)
      let weights = try #require(try ONNXImporter.load(path: path).graph.constants.values.first)
      try FileManager.default.removeItem(atPath: path)
      #expect(weights.elements(as: Float.self).last == 4095)
    }
  }

  @Test func writingOverTheModelInUseIsSafe() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/small.onnx"
      try ONNXExporter.write(smallModel(), to: path, options: .init(externalDataThreshold: 1))
      let model = try ONNXImporter.load(path: path)
      try ONNXExporter.write(model, to: path, options: .init(externalDataThreshold: 1))
      let again = try ONNXImporter.load(path: path)
      let (written, original) = (try ONNXExporter.encode(again), try ONNXExporter.encode(smallModel()))
      #expect(written == original)
      let files = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
      #expect(files == ["small.onnx", "small.onnx.data"])
    }
  }

  @Test func aFailedWriteLeavesNothing() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/missing/model.onnx"
      #expect(throws: ExportError.self) { try ONNXExporter.write(smallModel(), to: path) }
      let files = try FileManager.default.contentsOfDirectory(atPath: folder)
      #expect(files.isEmpty)
    }
  }

  @Test func versionsThatDisagreeAreNotWritten() {
    var model = smallModel()
    model.graph.nodes[1].version = 6
    do {
      _ = try ONNXExporter.encode(model)
      Issue.record("two versions of one domain were written")
    } catch {
      #expect(error.problem == .conflictingOpsets(domain: "", imported: 17, used: 6))
    }
  }

  @Test func repeatedAndEmptyNamesAreMadeUnique() throws {
    var model = smallModel()
    for index in model.graph.values.indices { model.graph.values[index].name = index == 1 ? "" : "same" }
    let copy = try ONNXImporter.load(bytes: ONNXExporter.encode(model))
    #expect(copy.graph.nodes.map(\.operatorName) == ["MatMul", "LeakyRelu"])
    #expect(Set(copy.graph.values.map(\.name)).count == 4)
  }
}
