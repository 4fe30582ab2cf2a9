import Foundation
import ONNXFormat
import Testing

/// Paths that do not lead to a model.
@Suite struct ForeignFileTests {
  private func refusal(_ path: String) throws -> ImportError {
    do {
      _ = try ONNXImporter.load(path: path)
    } catch {
      expectOneLine(error)
      #expect(error.path == path)
      return error
    }
    throw Missing()
  }

  private struct Missing: Error {}

  private static let files: [(kind: String, bytes: [UInt8])] = [
    ("a zip archive", bytes("PK\u{3}\u{4}", [0x14, 0, 8, 8])),
    ("a web page", bytes("<!DOCTYPE html>\n<html><body>404</body></html>")),
    ("a Git LFS pointer", bytes("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")),
    ("a JSON file", bytes("{\"irVersion\": 8}")),
    ("a text file", bytes("ir_version: 8\ngraph { }\n")),
    ("a safetensors file", bytes("\u{10}\0\0\0\0\0\0\0{\"a\":{}}        ")),
    ("a GGUF model", bytes("GGUF", [3, 0, 0, 0, 0, 0])),
    ("a Python pickle", bytes("", [0x80, 0x02, 0x7d, 0x71, 0x00])),
    ("a TensorFlow Lite model", bytes("\u{1c}\0\0\0TFL3")),
  ]

  private static func bytes(_ text: String, _ rest: [UInt8] = []) -> [UInt8] { Array(text.utf8) + rest }

  @Test(arguments: files.indices)
  func filesOfOtherKindsAreRecognized(index: Int) throws {
    let (kind, bytes) = Self.files[index]
    try withTemporaryFolder { folder in
      let path = "\(folder)/model.onnx"
      try write(bytes, to: path)
      guard case .notONNX(let found) = try refusal(path).problem else {
        Issue.record("\(kind) was not recognized: \(try refusal(path))")
        return
      }
      #expect(found.hasPrefix(kind))
    }
  }

  @Test func pathsThatAreNoFilesAreRefused() throws {
    try withTemporaryFolder { folder in
      let found1 = try refusal(folder).problem
      #expect(found1 == .notAFile("a folder"))
      guard case .unreadable = try refusal("\(folder)/absent.onnx").problem else {
        Issue.record("a file that is not there was read")
        return
      }
      let pipe = "\(folder)/pipe"
      #expect(mkfifo(pipe, 0o600) == 0)
      let found2 = try refusal(pipe).problem
      #expect(found2 == .notAFile("a pipe"))
      try write([], to: "\(folder)/empty.onnx")
      let found3 = try refusal("\(folder)/empty.onnx").problem
      #expect(found3 == .empty)
      let found4 = try refusal("/dev/null").problem
      #expect(found4 == .notAFile("a device"))
    }
  }

  @Test func fileSizeIsLimited() throws {
    var limits = ImportLimits.standard
    limits.fileByteCount = 100
    #expect(throws: ImportError.self) { try ONNXImporter.load(path: fixture("structure.onnx"), limits: limits) }
  }
}
