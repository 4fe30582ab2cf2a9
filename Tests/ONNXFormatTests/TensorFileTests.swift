import ONNXFormat
import Tensors
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

struct TensorFileTests {
  private func withPath(_ body: (String) throws -> Void) rethrows {
    var template = Array("/tmp/viseme-tensor-XXXXXX".utf8CString)
    let descriptor = mkstemp(&template)
    precondition(descriptor >= 0)
    close(descriptor)
    let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    defer { unlink(path) }
    try body(path)
  }

  @Test func whatIsWrittenIsRead() throws {
    try withPath { path in
      for count in [0, 1, 7, 63, 64, 5000] {
        let tensor = Tensor((0..<count).map { Float($0) * 0.5 }, shape: [count, 1])
        try ONNXTensorFile(name: "x", tensor: tensor).write(to: path)
        let copy = try ONNXTensorFile.load(path: path)
        #expect(copy.name == "x" && copy.tensor.shape == tensor.shape)
        #expect(copy.tensor.elements(as: Float.self) == tensor.elements(as: Float.self))
      }
      try ONNXTensorFile(tensor: Tensor(strings: ["a", "ü"])).write(to: path)
      let words = try ONNXTensorFile.load(path: path)
      #expect(words.name.isEmpty && words.tensor.strings == ["a", "ü"])
    }
  }

  @Test func damagedFilesAreRefused() throws {
    try withPath { path in
      try ONNXTensorFile(name: "x", tensor: Tensor([Float](repeating: 1, count: 100))).write(to: path)
      let whole = try bytes(of: path)
      for end in stride(from: 0, to: whole.count, by: 3) {
        try whole[..<end].withUnsafeBytes { part in
          let file = try #require(fopen(path, "w"))
          fwrite(part.baseAddress ?? UnsafeRawPointer(bitPattern: 1)!, 1, part.count, file)
          fclose(file)
        }
        #expect(throws: ImportError.self, "cut at \(end)") { try ONNXTensorFile.load(path: path) }
      }
    }
  }

  private func bytes(of path: String) throws -> [UInt8] {
    let file = try #require(fopen(path, "r"))
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    return Array(bytes[..<fread(&bytes, 1, bytes.count, file)])
  }
}
