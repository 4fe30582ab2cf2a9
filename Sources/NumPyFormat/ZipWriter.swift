import CZlib

/// Puts files into a zip archive as they are.
package struct ZipWriter {
  private var bytes: [UInt8] = []
  private var directory: [UInt8] = []
  private var count = 0
  private var isTooLarge = false

  package init() {}

  package mutating func add(name: String, _ content: [UInt8]) {
    guard content.count <= 0xffff_fffe, bytes.count <= 0xffff_fffe, count < 0xfffe, name.utf8.count <= 0xffff else {
      isTooLarge = true
      return
    }
    let sum = Self.checksum(content)
    let position = bytes.count
    // Version 2.0, names in UTF-8, stored, no time (1 January 1980).
    let common: [UInt8] =
      number(20, 2) + number(0x800, 2) + number(0, 2) + number(0, 2) + number(0x21, 2) + number(sum, 4)
      + number(content.count, 4) + number(content.count, 4) + number(name.utf8.count, 2) + number(0, 2)
    bytes += number(0x0403_4b50, 4) + common + Array(name.utf8)
    bytes += content
    directory += number(0x0201_4b50, 4) + number(20, 2) + common + number(0, 2) + number(0, 2) + number(0, 2)
    directory += number(0, 4) + number(position, 4) + Array(name.utf8)
    count += 1
  }

  /// The archive; nil when it is larger than the format without its extensions allows.
  package func finished() -> [UInt8]? {
    guard !isTooLarge, bytes.count + directory.count <= 0xffff_fffe else { return nil }
    let end: [UInt8] =
      number(0x0605_4b50, 4) + number(0, 4) + number(count, 2) + number(count, 2) + number(directory.count, 4)
      + number(bytes.count, 4) + number(0, 2)
    return bytes + directory + end
  }

  private func number(_ value: Int, _ byteCount: Int) -> [UInt8] {
    (0..<byteCount).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  private static func checksum(_ content: [UInt8]) -> Int {
    content.withUnsafeBufferPointer { Int(crc32_z(0, $0.baseAddress, $0.count)) }
  }
}
