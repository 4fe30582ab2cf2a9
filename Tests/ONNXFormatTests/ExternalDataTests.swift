import Foundation
import ONNXFormat
import Tensors
import Testing

/// External data may be anywhere in the model's folder and nowhere else.
@Suite struct ExternalDataTests {
  private func model(location: String, offset: String = "0", length: String = "16") -> [UInt8] {
    let entries = [("location", location), ("offset", offset), ("length", length)]
    let external = entries.flatMap { Wire.data(13, Wire.text(1, $0.0) + Wire.text(2, $0.1)) } + Wire.int(14, 1)
    return Wire.model(graph: Wire.tensor(5, name: "w", dims: [4], external))
  }

  private func load(_ bytes: [UInt8], in folder: String) throws(ImportError) -> [Float] {
    do { try write(bytes, to: "\(folder)/model.onnx") } catch { Issue.record(error) }
    let graph = try ONNXImporter.load(path: "\(folder)/model.onnx").graph
    return graph.constants.values.first!.elements()
  }

  private func expectRefused(_ bytes: [UInt8], in folder: String) {
    do {
      _ = try load(bytes, in: folder)
      Issue.record("external data was read")
    } catch {
      expectOneLine(error)
      guard case .externalData = error.problem else {
        Issue.record(error)
        return
      }
    }
  }

  @Test func dataInTheFolderAndBelowIsRead() throws {
    try withTemporaryFolder { folder in
      try FileManager.default.createDirectory(atPath: "\(folder)/a/b", withIntermediateDirectories: true)
      let data = [Float](arrayLiteral: 0, 1, 2, 3, 4, 5, 6, 7).flatMap { withUnsafeBytes(of: $0) { Array($0) } }
      try write(data, to: "\(folder)/a/b/w.bin")
      let found1 = try load(model(location: "a/b/w.bin", offset: "8"), in: folder)
      #expect(found1 == [2, 3, 4, 5])
      let found2 = try load(model(location: "./a/./b/w.bin", offset: "16"), in: folder)
      #expect(found2 == [4, 5, 6, 7])
    }
  }

  @Test func pathsOutOfTheFolderAreRefused() throws {
    try withTemporaryFolder { outer in
      let folder = "\(outer)/model"
      try FileManager.default.createDirectory(atPath: "\(folder)/sub", withIntermediateDirectories: true)
      try write([UInt8](repeating: 0, count: 64), to: "\(outer)/secret.bin")
      try write([UInt8](repeating: 0, count: 64), to: "\(folder)/w.bin")
      try FileManager.default.createSymbolicLink(
        atPath: "\(folder)/link.bin", withDestinationPath: "\(outer)/secret.bin")
      try FileManager.default.createSymbolicLink(atPath: "\(folder)/up", withDestinationPath: outer)
      let locations = [
        "../secret.bin", "sub/../../secret.bin", "sub/../w.bin", "\(outer)/secret.bin", "/etc/passwd", "link.bin",
        "up/secret.bin", "sub", "absent.bin", "", ".", "..", "w.bin/x", String(repeating: "sub/", count: 5000),
      ]
      for location in locations { expectRefused(model(location: location), in: folder) }
    }
  }

  @Test func windowsBeyondTheFileAreRefused() throws {
    try withTemporaryFolder { folder in
      try write([UInt8](repeating: 0, count: 31), to: "\(folder)/w.bin")
      try write([], to: "\(folder)/empty.bin")
      for offset in ["16", "32", "-1", "9223372036854775807", "99999999999999999999", "0x0", ""] {
        expectRefused(model(location: "w.bin", offset: offset), in: folder)
      }
      for length in ["15", "17", "-16", "x"] { expectRefused(model(location: "w.bin", length: length), in: folder) }
      expectRefused(model(location: "empty.bin"), in: folder)
      let found3 = try load(model(location: "w.bin", offset: "15"), in: folder)
      #expect(found3 == [0, 0, 0, 0])
    }
  }

  @Test func modelsInMemoryNeedAFolderForExternalData() throws {
    guard case .externalData? = problem(loading: model(location: "w.bin")) else {
      Issue.record("external data was found without a folder")
      return
    }
    try withTemporaryFolder { folder in
      try write([UInt8](repeating: 0, count: 16), to: "\(folder)/w.bin")
      let model = try ONNXImporter.load(bytes: model(location: "w.bin"), baseDirectory: folder)
      #expect(model.graph.constants.count == 1)
    }
  }
}
