/// A picture whose pixels lie in a file as they are.
struct PlainPicture: Sendable {
  typealias Color = (red: UInt8, green: UInt8, blue: UInt8)

  /// What the samples of a pixel are.
  private enum Samples {
    case gray
    case redGreenBlue
    case blueGreenRed
    /// A place in a table.
    case palette([Color])
  }

  let width: Int
  let height: Int
  private let bytes: [UInt8]
  /// Where each row starts.
  private let rows: [Int]
  private let pixelByteCount: Int
  private let samples: Samples
  /// Whether 0 is white.
  private var isInverted = false

  /// Nil unless all rows lie within the bytes.
  private init?(
    _ bytes: ImageBytes, width: Int, height: Int, rows: [Int], pixelByteCount: Int, samples: Samples
  ) {
    guard width > 0, height > 0, rows.count == height else { return nil }
    let (length, overflow) = width.multipliedReportingOverflow(by: pixelByteCount)
    guard !overflow, length <= bytes.count, rows.allSatisfy({ $0 >= 0 && $0 <= bytes.count - length }) else { return nil }
    self.width = width
    self.height = height
    self.bytes = bytes.all
    self.rows = rows
    self.pixelByteCount = pixelByteCount
    self.samples = samples
  }

  func color(_ x: Int, _ y: Int) -> Color {
    let place = rows[y] + x * pixelByteCount
    func sample(_ k: Int) -> UInt8 { isInverted ? 255 - bytes[place + k] : bytes[place + k] }
    switch samples {
    case .gray: return (sample(0), sample(0), sample(0))
    case .redGreenBlue: return (sample(0), sample(1), sample(2))
    case .blueGreenRed: return (sample(2), sample(1), sample(0))
    case .palette(let colors):
      let index = Int(bytes[place])
      return colors.indices.contains(index) ? colors[index] : (0, 0, 0)
    }
  }

  /// Rows one after the other, `step` bytes apart; nil if there are more than the bytes can hold.
  private static func rows(_ count: Int, from start: Int, step: Int, _ bytes: ImageBytes) -> [Int]? {
    guard count > 0, count <= bytes.count, step.magnitude <= bytes.count else { return nil }
    return (0..<count).map { start + $0 * step }
  }

  /// A Windows bitmap of 8, 24 or 32 bits without compression.
  init?(bmp bytes: ImageBytes) {
    guard let start = bytes.number(10, width: 4), let header = bytes.number(14, width: 4), header >= 40,
      let width = bytes.signed(18), let signedHeight = bytes.signed(22), let bits = bytes.number(28, width: 2),
      bytes.number(30, width: 4) == 0, [8, 24, 32].contains(bits), width > 0, width <= bytes.count, signedHeight != 0
    else { return nil }
    let height = Int(signedHeight.magnitude), step = (width * bits / 8 + 3) / 4 * 4
    // Rows stand from the bottom to the top, unless the height is negative.
    guard var rows = Self.rows(height, from: start, step: step, bytes) else { return nil }
    if signedHeight > 0 { rows.reverse() }
    var samples = Samples.blueGreenRed
    if bits == 8 {
      let used = bytes.number(46, width: 4) ?? 0
      samples = .palette((0..<min(used == 0 ? 256 : used, 256)).map { entry in
        let place = 14 + header + entry * 4
        return (bytes.u8(place + 2) ?? 0, bytes.u8(place + 1) ?? 0, bytes.u8(place) ?? 0)
      })
    }
    self.init(bytes, width: width, height: height, rows: rows, pixelByteCount: bits / 8, samples: samples)
  }

  /// A portable gray or color picture of 8 bits: `P5` or `P6`; or bits and numbers in words: `P1` to `P4`.
  init?(pnm bytes: ImageBytes) {
    guard let kind = bytes.u8(1) else { return nil }
    var reader = WordReader(bytes: bytes, offset: 2)
    let isBitmap = kind == UInt8(ascii: "1") || kind == UInt8(ascii: "4")
    guard let width = reader.number(), let height = reader.number(), let greatest = isBitmap ? 1 : reader.number(),
      1...255 ~= greatest, width > 0, height > 0
    else { return nil }
    let parts = kind == UInt8(ascii: "3") || kind == UInt8(ascii: "6") ? 3 : 1
    let (rowLength, a) = width.multipliedReportingOverflow(by: parts)
    let (count, b) = rowLength.multipliedReportingOverflow(by: height)
    guard !a, !b, count / 8 <= bytes.count else { return nil }
    // One byte of white space ends the header.
    let start = reader.offset + 1
    var values: [UInt8] = []
    values.reserveCapacity(count)
    switch kind {
    case UInt8(ascii: "4"):
      for y in 0..<height {
        for x in 0..<width {
          guard let byte = bytes.u8(start + y * ((width + 7) / 8) + x / 8) else { return nil }
          values.append(byte >> UInt8(7 - x % 8) & 1 == 0 ? 255 : 0)
        }
      }
    case UInt8(ascii: "5"), UInt8(ascii: "6"):
      guard count <= bytes.count - start else { return nil }
      values += bytes.all[start..<(start + count)].map { Self.scaled(Int($0), greatest) }
    default:
      for _ in 0..<count {
        guard let value = isBitmap ? reader.digit() : reader.number() else { return nil }
        values.append(isBitmap ? (value == 0 ? 255 : 0) : Self.scaled(value, greatest))
      }
    }
    let plain = ImageBytes(values)
    guard let rows = Self.rows(height, from: 0, step: rowLength, plain) else { return nil }
    self.init(
      plain, width: width, height: height, rows: rows, pixelByteCount: parts, samples: parts == 3 ? .redGreenBlue : .gray)
  }

  private static func scaled(_ value: Int, _ greatest: Int) -> UInt8 {
    UInt8((min(value, greatest) * 255 + greatest / 2) / greatest)
  }

  /// The fields of a TIFF directory that matter.
  private static let tags: Set<Int> = [256, 257, 258, 259, 262, 273, 277, 278, 284]

  /// The first picture of a TIFF file, of 8 bits for each sample, in strips without compression.
  init?(tiff bytes: ImageBytes) {
    let isBig = bytes.u8(0) == UInt8(ascii: "M")
    func number(_ offset: Int, _ width: Int) -> Int? { bytes.number(offset, width: width, isBigEndian: isBig) }
    guard number(2, 2) == 42, let directory = number(4, 4), let entries = number(directory, 2) else { return nil }
    var fields: [Int: [Int]] = [:]
    for entry in 0..<entries {
      let place = directory + 2 + entry * 12
      guard let tag = number(place, 2), let type = number(place + 2, 2), let count = number(place + 4, 4) else { return nil }
      // Only strips may be many; of everything else a few values are read.
      guard fields[tag] == nil, Self.tags.contains(tag), let width = [1: 1, 3: 2, 4: 4][type],
        count <= (tag == 273 ? bytes.count / width : 8)
      else { continue }
      guard let first = count * width <= 4 ? place + 8 : number(place + 8, 4) else { return nil }
      fields[tag] = (0..<count).compactMap { number(first + $0 * width, width) }
    }
    func one(_ tag: Int, _ fallback: Int? = nil) -> Int? { fields[tag]?.first ?? fallback }
    guard let width = one(256), let height = one(257), let parts = one(277, 1), parts >= 1, parts <= 4,
      fields[258, default: [1]].allSatisfy({ $0 == 8 }), one(259, 1) == 1, one(284, 1) == 1,
      let meaning = one(262), meaning <= 2, meaning < 2 || parts >= 3, let strips = fields[273],
      let perStrip = one(278, height), perStrip > 0, width > 0, width <= bytes.count, height <= bytes.count
    else { return nil }
    var rows: [Int] = []
    for row in 0..<height {
      guard strips.indices.contains(row / perStrip) else { return nil }
      rows.append(strips[row / perStrip] + row % perStrip * width * parts)
    }
    self.init(
      bytes, width: width, height: height, rows: rows, pixelByteCount: parts,
      samples: meaning == 2 ? .redGreenBlue : .gray)
    isInverted = meaning == 0
  }
}

/// Reads the words of a portable picture's header, and comments not at all.
private struct WordReader {
  let bytes: ImageBytes
  var offset: Int

  private mutating func skipSpace() {
    while let next = bytes.u8(offset) {
      if next == UInt8(ascii: "#") {
        while let byte = bytes.u8(offset), byte != UInt8(ascii: "\n") { offset += 1 }
      } else if next == 32 || (9...13).contains(next) {
        offset += 1
      } else {
        return
      }
    }
  }

  mutating func number() -> Int? {
    skipSpace()
    var value: Int?
    while let digit = bytes.u8(offset).flatMap({ (48...57).contains($0) ? Int($0) - 48 : nil }) {
      value = (value ?? 0) * 10 + digit
      guard value! < 1 << 31 else { return nil }
      offset += 1
    }
    return value
  }

  /// One digit, which the next may follow without space.
  mutating func digit() -> Int? {
    skipSpace()
    guard let byte = bytes.u8(offset), (48...57).contains(byte) else { return nil }
    offset += 1
    return Int(byte) - 48
  }
}
