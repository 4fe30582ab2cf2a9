import Foundation
import Head
import Testing

struct ManifestTests {
  private func problem(changing change: (inout [String: Any]) -> Void) throws -> String? {
    try TestFiles.withFolder { folder -> String? in
      let data = try Data(contentsOf: URL(fileURLWithPath: TestFiles.defaultHead + "/head.json"))
      var manifest = try JSONSerialization.jsonObject(with: data) as! [String: Any]
      change(&manifest)
      let path = folder + "/head.json"
      try JSONSerialization.data(withJSONObject: manifest).write(to: URL(fileURLWithPath: path))
      do {
        _ = try Manifest(path: path)
        return nil
      } catch let error as HeadError {
        #expect(error.description.contains(path))
        #expect(!error.description.contains("\n"))
        return error.description
      }
    }
  }

  @Test func theBundledManifestIsValid() throws {
    #expect(try problem { _ in } == nil)
  }

  @Test func misspeltKeysAreRefusedByName() throws {
    #expect(try problem { $0["fsp"] = 25 }?.contains("“fsp”") == true)
    #expect(
      try problem { manifest in
        var warp = manifest["warp"] as! [String: Any]
        warp["leed"] = 0.03
        manifest["warp"] = warp
      }?.contains("“warp.leed”") == true)
  }

  @Test func missingKeysWrongTypesAndValuesOutOfRangeAreNamed() throws {
    #expect(try problem { $0["fps"] = nil }?.contains("“fps” is missing") == true)
    #expect(try problem { $0["fps"] = "fast" }?.contains("“fps” is not a number") == true)
    #expect(try problem { $0["fps"] = 0 }?.contains("outside") == true)
    #expect(try problem { $0["format"] = 2 }?.contains("format 1") == true)
    #expect(try problem { $0["family"] = "hologram" }?.contains("hologram") == true)
  }

  @Test func filesThatAreNotManifestsAreRefused() throws {
    try TestFiles.withFolder { folder in
      for (name, content) in [("empty", ""), ("list", "[1]"), ("cut", "{\"format\": 1,"), ("text", "hello")] {
        let path = "\(folder)/\(name)"
        try content.write(toFile: path, atomically: true, encoding: .utf8)
        #expect(throws: HeadError.self) { _ = try Manifest(path: path) }
      }
      #expect(throws: HeadError.self) { _ = try Manifest(path: folder) }
      #expect(throws: HeadError.self) { _ = try Manifest(path: folder + "/nothing") }
    }
  }

  @Test func pathsMayNotLeaveTheBundle() throws {
    try TestFiles.withFolder { folder in
      let head = try TestFiles.copyHead(to: folder)
      let bundle = try Bundle(folder: head)
      try "x".write(toFile: folder + "/outside.onnx", atomically: true, encoding: .utf8)
      try FileManager.default.createSymbolicLink(atPath: head + "/link.onnx", withDestinationPath: folder + "/outside.onnx")
      for name in ["../outside.onnx", "/etc/passwd", "a/../../outside.onnx", "link.onnx", "", "missing.onnx"] {
        #expect(throws: HeadError.self, "\(name)") { _ = try bundle.path(name) }
      }
      #expect(try bundle.path("head.json") == head + "/head.json")
    }
  }
}

private typealias Bundle = Head.Bundle
