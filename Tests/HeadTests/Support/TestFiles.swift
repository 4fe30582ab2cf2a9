import Foundation
import Testing

/// Folders and files for tests.
enum TestFiles {
  /// The root of the package.
  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

  static let defaultHead = root + "/Graphs/default"

  /// A new folder of its own, removed when `body` returns.
  static func withFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("viseme-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try body(folder)
  }

  /// A copy of the default head, to be changed; its large files are links' targets copied whole.
  static func copyHead(to folder: String) throws -> String {
    let copy = folder + "/head"
    try FileManager.default.copyItem(atPath: defaultHead, toPath: copy)
    return copy
  }

  /// Writes a 16-bit mono WAV file.
  static func writeWAV(_ samples: [Float], sampleRate: Int = 16_000, to path: String) throws {
    var data = Data()
    func append<T: FixedWidthInteger>(_ value: T) { withUnsafeBytes(of: value.littleEndian) { data.append(contentsOf: $0) } }
    let byteCount = UInt32(samples.count * 2)
    data.append(contentsOf: Array("RIFF".utf8))
    append(36 + byteCount)
    data.append(contentsOf: Array("WAVEfmt ".utf8))
    append(UInt32(16))
    append(UInt16(1))
    append(UInt16(1))
    append(UInt32(sampleRate))
    append(UInt32(sampleRate * 2))
    append(UInt16(2))
    append(UInt16(16))
    data.append(contentsOf: Array("data".utf8))
    append(byteCount)
    for sample in samples { append(Int16(max(-1, min(1, sample)) * 32767)) }
    try data.write(to: URL(fileURLWithPath: path))
  }

  /// Something with vowels' spectrum and syllables' rhythm.
  static func babble(seconds: Double, sampleRate: Int = 16_000) -> [Float] {
    (0..<Int(seconds * Double(sampleRate))).map { index in
      let time = Double(index) / Double(sampleRate)
      let envelope = max(0, sin(2 * .pi * 3.1 * time))
      var value = 0.0
      for harmonic in 1...20 {
        let frequency = 120.0 * Double(harmonic)
        let formant = exp(-pow((frequency - 700) / 300, 2)) + 0.6 * exp(-pow((frequency - 1800) / 400, 2))
        value += formant * sin(2 * .pi * frequency * time)
      }
      return Float(0.2 * envelope * value)
    }
  }
}
