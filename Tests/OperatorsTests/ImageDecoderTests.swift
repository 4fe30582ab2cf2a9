import GraphIR
import Operators
import Tensors
import Testing

@Suite struct ImageDecoderTests {
  private func little(_ value: Int, _ width: Int) -> [UInt8] { (0..<width).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }

  /// Two rows of three pixels: red, green, blue; black, gray, white.
  private let pixels: [UInt8] = [255, 0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 127, 127, 127, 255, 255, 255]

  private func expect(_ bytes: [UInt8], _ format: String = "RGB", gives values: [UInt8], channels: Int = 3, _ comment: String) {
    let shape: Shape = values.isEmpty ? [0, 0, channels] : [2, 3, channels]
    OperatorRunner("ImageDecoder", version: 20, attributes: ["pixel_format": .string(Array(format.utf8))])
      .expect([Tensor(bytes)], equals: [Tensor(values, shape: shape)], comment)
  }

  private func bitmap(topDown: Bool) -> [UInt8] {
    var rows: [[UInt8]] = [Array(pixels[..<9]), Array(pixels[9...])]
    if !topDown { rows.reverse() }
    var body: [UInt8] = []
    for row in rows {
      for x in 0..<3 { body += row[(3 * x)..<(3 * x + 3)].reversed() }
      // Rows take a multiple of four bytes.
      body += little(0, 3)
    }
    var bytes = Array("BM".utf8)
    for field: Int in [54 + body.count, 0, 54, 40, 3, topDown ? -2 : 2] { bytes += little(field, 4) }
    bytes += little(1, 2)
    bytes += little(24, 2)
    bytes += [UInt8](repeating: 0, count: 24)
    return bytes + body
  }

  private func tiff() -> [UInt8] {
    let fields: [(Int, Int, Int)] = [
      (256, 3, 3), (257, 3, 2), (259, 3, 1), (262, 3, 2), (277, 3, 3), (278, 3, 2), (273, 4, 8), (258, 3, 8),
    ]
    var bytes = Array("II".utf8)
    bytes += little(42, 2)
    bytes += little(8 + pixels.count, 4)
    bytes += pixels
    bytes += little(fields.count, 2)
    for (tag, type, value) in fields {
      bytes += little(tag, 2)
      bytes += little(type, 2)
      bytes += little(1, 4)
      bytes += little(value, 4)
    }
    return bytes
  }

  @Test func plainFormatsInEveryOrder() {
    for topDown in [true, false] { expect(bitmap(topDown: topDown), gives: pixels, "BMP") }
    expect(Array("P6\n# a comment\n3 2\n255\n".utf8) + pixels, gives: pixels, "PPM")
    expect(Array("P3 3 2 255 255 0 0 0 255 0 0 0 255 0 0 0 127 127 127 255 255 255".utf8), gives: pixels, "PPM in words")
    expect(tiff(), gives: pixels, "TIFF")
    var swapped: [UInt8] = []
    for pixel in 0..<6 { swapped += pixels[(3 * pixel)..<(3 * pixel + 3)].reversed() }
    expect(tiff(), "BGR", gives: swapped, "BGR")
    expect(tiff(), "Grayscale", gives: [76, 150, 29, 0, 127, 255], channels: 1, "gray")
    let gray: [UInt8] = [0, 0, 0, 255, 255, 255, 0, 0, 0, 255, 255, 255, 0, 0, 0, 255, 255, 255]
    expect(Array("P1 3 2 101 010".utf8), gives: gray, "PBM")
    expect(Array("P4 3 2\n".utf8) + [0b1010_0000, 0b0100_0000], gives: gray, "PBM in bits")
  }

  @Test func brokenPicturesGiveNothing() {
    for whole in [bitmap(topDown: true), Array("P6 3 2 255\n".utf8) + pixels, tiff()] {
      for count in 0..<(whole.count - 3) where count < 20 || count % 7 == 0 {
        expect(Array(whole[..<count]), gives: [], "\(count) of \(whole.count) bytes")
      }
    }
    expect(Array("P6 99999999 99999999 255\n".utf8), gives: [], "too large")
    OperatorRunner("ImageDecoder", version: 20).expectRefusal([Tensor([0xFF, 0xD8, 0xFF] as [UInt8])], as: .unsupported)
    OperatorRunner("ImageDecoder", version: 20, attributes: ["pixel_format": .string(Array("CMYK".utf8))])
      .expectRefusal([Tensor([1] as [UInt8])])
  }
}
