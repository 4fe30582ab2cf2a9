/// A picture of 8-bit sRGB pixels.
public struct ImageRGB8: Sendable, Hashable {
  public let width, height: Int
  /// [height, width, 3]: rows from the top, without gaps; always `width * height * 3` of them.
  public var pixels: [UInt8] {
    // Without `oldValue`, so that changing one pixel does not copy them all.
    didSet { precondition(pixels.count == width * height * 3, "a picture keeps its size") }
  }

  /// - Precondition: `pixels.count == width * height * 3`, both sides at least 1.
  public init(width: Int, height: Int, pixels: [UInt8]) {
    precondition(width > 0 && height > 0 && pixels.count == width * height * 3)
    self.width = width
    self.height = height
    self.pixels = pixels
  }

  /// A picture of one colour.
  public init(width: Int, height: Int, red: UInt8 = 0, green: UInt8 = 0, blue: UInt8 = 0) {
    precondition(width > 0 && height > 0)
    self.width = width
    self.height = height
    pixels = [UInt8](unsafeUninitializedCapacity: width * height * 3) { buffer, count in
      for i in 0..<width * height {
        buffer[3 * i] = red
        buffer[3 * i + 1] = green
        buffer[3 * i + 2] = blue
      }
      count = width * height * 3
    }
  }

  /// Red, green and blue at column `x`, row `y`.
  public subscript(x x: Int, y y: Int) -> SIMD3<UInt8> {
    get {
      let at = 3 * (y * width + x)
      return SIMD3(pixels[at], pixels[at + 1], pixels[at + 2])
    }
    set {
      let at = 3 * (y * width + x)
      for c in 0..<3 { pixels[at + c] = newValue[c] }
    }
  }
}
