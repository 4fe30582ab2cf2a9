import Glibc
import ONNXFormat
import Tensors

/// A folder with what models may and may not reach: data, data in a folder, and a link that leads out.
struct Playground: Sendable {
  let folder: String
  private let scratch: String

  static let shared = Playground()

  private init() {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    folder = "\(parent)/viseme-fuzz-\(getuid())"
    scratch = "\(folder)/input-\(getpid()).pb"
    mkdir(folder, 0o700)
    mkdir("\(folder)/folder", 0o700)
    symlink("/etc/passwd", "\(folder)/link")
    let weights = (0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 37) }
    for path in ["\(folder)/weights.bin", "\(folder)/folder/weights.bin"] where access(path, F_OK) != 0 {
      write(weights, to: path)
    }
  }

  /// What the reader of tensor files makes of the message.
  func tensor(_ message: Message) -> Tensor? {
    write(message.encoded, to: scratch)
    defer { unlink(scratch) }
    return try? ONNXTensorFile.load(path: scratch).tensor
  }
}

/// Writes a file of the fuzzer's own; without space there is no use in going on.
func write(_ bytes: [UInt8], to path: String) {
  guard let file = fopen(path, "wb") else { fail("\(path): \(String(cString: strerror(errno)))") }
  defer { fclose(file) }
  guard fwrite(bytes, 1, bytes.count, file) == bytes.count else { fail("\(path): \(String(cString: strerror(errno)))") }
}

/// The bytes of a file.
func read(_ path: String) -> [UInt8] {
  guard let file = fopen(path, "rb") else { fail("\(path): \(String(cString: strerror(errno)))") }
  defer { fclose(file) }
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 1 << 16)
  while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk.prefix(count) }
  return bytes
}

/// The files of a folder in the order of their names.
func files(in folder: String) -> [String] {
  guard let entries = opendir(folder) else { fail("\(folder): \(String(cString: strerror(errno)))") }
  defer { closedir(entries) }
  var names: [String] = []
  while let entry = readdir(entries) {
    let name = withUnsafePointer(to: &entry.pointee.d_name) {
      $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
    }
    if !name.hasPrefix(".") { names.append("\(folder)/\(name)") }
  }
  return names.sorted()
}

func fail(_ message: String) -> Never {
  let line = "Fuzz: \(message)\n"
  _ = Glibc.write(2, line, line.utf8.count)
  exit(2)
}
