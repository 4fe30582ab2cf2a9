/// Where the first row and column of a stored picture belong, as EXIF numbers them.
enum ImageOrientation: UInt16 {
  case upright = 1
  case mirrored
  case upsideDown
  case upsideDownMirrored
  case transposed
  case rightTop
  case transversed
  case leftBottom

  /// The orientation a JPEG file asks for; upright when it does not say, or says nonsense.
  init(jpeg bytes: UnsafeRawBufferPointer) {
    self = Self.exif(in: bytes).flatMap(Self.tag) ?? .upright
  }

  /// The TIFF structure of the first EXIF segment before the picture data.
  private static func exif(in bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    var at = 2
    while at + 4 <= bytes.count, bytes[at] == 0xFF {
      let marker = bytes[at + 1]
      if marker == 0xFF {
        at += 1
        continue
      }
      if marker == 0xDA || marker == 0xD9 { return nil }
      let length = Int(bytes[at + 2]) << 8 | Int(bytes[at + 3])
      guard length >= 2, at + 2 + length <= bytes.count else { return nil }
      let segment = UnsafeRawBufferPointer(rebasing: bytes[at + 4..<at + 2 + length])
      if marker == 0xE1, segment.starts(with: [0x45, 0x78, 0x69, 0x66, 0, 0]) {
        return UnsafeRawBufferPointer(rebasing: segment[6...])
      }
      at += 2 + length
    }
    return nil
  }

  /// The value of tag 0x0112 in the first directory of a TIFF structure.
  private static func tag(_ tiff: UnsafeRawBufferPointer) -> ImageOrientation? {
    guard tiff.count >= 8 else { return nil }
    let isLittle = tiff[0] == 0x49
    func short(_ at: Int) -> Int? {
      guard at >= 0, at + 2 <= tiff.count else { return nil }
      let (a, b) = (Int(tiff[at]), Int(tiff[at + 1]))
      return isLittle ? b << 8 | a : a << 8 | b
    }
    func long(_ at: Int) -> Int? {
      guard let first = short(at), let second = short(at + 2) else { return nil }
      return isLittle ? second << 16 | first : first << 16 | second
    }
    guard let directory = long(4), let entryCount = short(directory) else { return nil }
    for entry in 0..<entryCount {
      let at = directory + 2 + 12 * entry
      guard let tag = short(at) else { return nil }
      guard tag == 0x0112 else { continue }
      guard short(at + 2) == 3, let value = short(at + 8) else { return nil }
      return ImageOrientation(rawValue: UInt16(value))
    }
    return nil
  }
}

extension ImageRGB8 {
  /// The picture as it is meant to be seen, from one stored with `orientation`.
  func upright(from orientation: ImageOrientation) -> ImageRGB8 {
    let (w, h) = (width, height)
    /// Strides over the source, in pixels, for a step right and a step down in the result.
    let (turned, first, right, down): (Bool, Int, Int, Int)
    switch orientation {
    case .upright: return self
    case .mirrored: (turned, first, right, down) = (false, w - 1, -1, w)
    case .upsideDown: (turned, first, right, down) = (false, h * w - 1, -1, -w)
    case .upsideDownMirrored: (turned, first, right, down) = (false, (h - 1) * w, 1, -w)
    case .transposed: (turned, first, right, down) = (true, 0, w, 1)
    case .rightTop: (turned, first, right, down) = (true, (h - 1) * w, -w, 1)
    case .transversed: (turned, first, right, down) = (true, h * w - 1, -w, -1)
    case .leftBottom: (turned, first, right, down) = (true, w - 1, w, -1)
    }
    let (across, rows) = turned ? (h, w) : (w, h)
    let moved = pixels.withUnsafeBufferPointer { source in
      [UInt8](unsafeUninitializedCapacity: w * h * 3) { target, count in
        for y in 0..<rows {
          var from = 3 * (first + y * down)
          var to = 3 * y * across
          for _ in 0..<across {
            target[to] = source[from]
            target[to + 1] = source[from + 1]
            target[to + 2] = source[from + 2]
            to += 3
            from += 3 * right
          }
        }
        count = w * h * 3
      }
    }
    return ImageRGB8(width: across, height: rows, pixels: moved)
  }
}
