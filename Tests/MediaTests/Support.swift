import Foundation
import Media
import Testing

/// A folder of this test's own, removed when the value goes.
final class TemporaryFolder {
  let path: String

  init() {
    path = FileManager.default.temporaryDirectory.path + "/viseme-media-" + UUID().uuidString
    try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { path + "/" + name }

  func file(_ name: String, _ bytes: [UInt8]) -> String {
    try! Data(bytes).write(to: URL(fileURLWithPath: file(name)))
    return file(name)
  }
}

/// Repeatable random numbers.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Files that were made once by other programs: see Fixtures/make.
func fixture(_ name: String) -> String {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Fixtures/" + name
}

func golden(_ name: String) -> String {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Golden/" + name
}

func bytes(of path: String) -> [UInt8] { [UInt8](try! Data(contentsOf: URL(fileURLWithPath: path))) }

func floats(of path: String) -> [Float] {
  let data = try! Data(contentsOf: URL(fileURLWithPath: path))
  return data.withUnsafeBytes { raw in
    (0..<raw.count / 4).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
  }
}

/// Runs `body`, and fails unless it throws a `MediaError` that is short, one line, and names the file.
@discardableResult
func expectError(
  naming name: String, _ where: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) -> MediaError.Problem? {
  do {
    try body()
    Issue.record("nothing was thrown", sourceLocation: `where`)
  } catch let error as MediaError {
    let text = error.description
    #expect(text.contains(name) && !text.contains("\n") && text.count < 300, "\(text)", sourceLocation: `where`)
    return error.problem
  } catch {
    Issue.record("threw \(error)", sourceLocation: `where`)
  }
  return nil
}

/// A picture with smooth and sharp parts, so that lossy coding keeps it recognizable.
func testPicture(width: Int, height: Int) -> ImageRGB8 {
  var image = ImageRGB8(width: width, height: height)
  for y in 0..<height {
    for x in 0..<width {
      let left = x < width / 2
      let top = y < height / 2
      image[x: x, y: y] = SIMD3(
        UInt8(255 * x / max(1, width - 1)), UInt8(255 * y / max(1, height - 1)), left ? (top ? 40 : 200) : 120)
    }
  }
  return image
}

func meanDifference(_ a: ImageRGB8, _ b: ImageRGB8) -> Double {
  guard a.width == b.width, a.height == b.height else { return .infinity }
  var sum = 0
  for (p, q) in zip(a.pixels, b.pixels) { sum += abs(Int(p) - Int(q)) }
  return Double(sum) / Double(a.pixels.count)
}

/// A RIFF file of 16-bit or float samples [frames, channels].
func wav(_ samples: [Float], sampleRate: Int, channels: Int = 1, isFloat: Bool = true) -> [UInt8] {
  var bytes: [UInt8] = []
  func text(_ s: String) { bytes += Array(s.utf8) }
  func u32(_ v: Int) { bytes += (0..<4).map { UInt8(truncatingIfNeeded: v >> (8 * $0)) } }
  func u16(_ v: Int) { bytes += (0..<2).map { UInt8(truncatingIfNeeded: v >> (8 * $0)) } }
  let width = isFloat ? 4 : 2
  text("RIFF")
  u32(36 + samples.count * width)
  text("WAVEfmt ")
  u32(16)
  u16(isFloat ? 3 : 1)
  u16(channels)
  u32(sampleRate)
  u32(sampleRate * channels * width)
  u16(channels * width)
  u16(8 * width)
  text("data")
  u32(samples.count * width)
  for sample in samples {
    if isFloat {
      u32(Int(sample.bitPattern))
    } else {
      u16(Int(max(-32768, min(32767, (sample * 32768).rounded()))) & 0xFFFF)
    }
  }
  return bytes
}

extension AudioReader {
  /// Everything that is left, read in pieces of `block`.
  func readAll(block: Int = 4096) throws -> [Float] {
    var all: [Float] = []
    var buffer = [Float](repeating: .nan, count: block)
    while true {
      let got = try buffer.withUnsafeMutableBufferPointer { try read(into: $0) }
      if got == 0 { return all }
      all += buffer[..<got]
    }
  }
}

extension MelStream {
  /// All columns of `samples`, pushed in pieces of `block`.
  func columns(_ samples: [Float], block: Int = .max) -> [[Float]] {
    var columns: [[Float]] = []
    var at = 0
    while at < samples.count {
      let end = block > samples.count - at ? samples.count : at + block
      samples[at..<end].withUnsafeBufferPointer { piece in push(piece) { columns.append(Array($0)) } }
      at = end
    }
    finish { columns.append(Array($0)) }
    return columns
  }
}
