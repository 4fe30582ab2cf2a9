/// The files in a zip archive, where their bytes are, and how they are stored.
package struct ZipDirectory {
  package struct Entry {
    package var name: String
    package var content: UnsafeRawBufferPointer
    package var isDeflated: Bool
    /// Bytes of the file itself.
    var byteCount: Int
  }

  package private(set) var entries: [Entry] = []
  private let bytes: UnsafeRawBufferPointer

  private static let entryLimit = 1 << 16

  /// Checks every length and place against `bytes`.
  package init(_ bytes: UnsafeRawBufferPointer) throws(NumPyHeader.Fault) {
    self.bytes = bytes
    guard bytes.starts(with: [0x50, 0x4b, 3, 4]) || bytes.starts(with: [0x50, 0x4b, 5, 6]) else {
      throw NumPyHeader.Fault("is not a NumPy archive (.npz)")
    }
    var (at, count) = try directory()
    guard count <= Self.entryLimit else { throw NumPyHeader.Fault("lists more than \(Self.entryLimit) files") }
    for _ in 0..<count { entries.append(try entry(&at)) }
  }

  private func number(_ at: Int, _ byteCount: Int) throws(NumPyHeader.Fault) -> Int {
    guard at >= 0, at <= bytes.count - byteCount else { throw NumPyHeader.Fault("ends within its directory") }
    var value: UInt64 = 0
    for byte in 0..<byteCount { value |= UInt64(bytes[at + byte]) << UInt64(8 * byte) }
    guard let number = Int(exactly: value) else { throw NumPyHeader.Fault("has a directory with impossible numbers") }
    return number
  }

  /// Where the list of files starts, and how many there are.
  private func directory() throws(NumPyHeader.Fault) -> (offset: Int, count: Int) {
    var end = bytes.count - 22
    let lowest = max(0, end - 0xffff)
    while end >= lowest {
      if try number(end, 4) == 0x0605_4b50 { break }
      end -= 1
    }
    guard end >= lowest else { throw NumPyHeader.Fault("has no directory: it is not whole") }
    let count = try number(end + 10, 2), offset = try number(end + 16, 4)
    guard count == 0xffff || offset == 0xffff_ffff else { return (offset, count) }
    guard end >= 20, try number(end - 20, 4) == 0x0706_4b50 else { throw NumPyHeader.Fault("has no 64-bit directory") }
    let large = try number(end - 12, 8)
    guard try number(large, 4) == 0x0606_4b50 else { throw NumPyHeader.Fault("has no 64-bit directory") }
    return (try number(large + 48, 8), try number(large + 32, 8))
  }

  private func entry(_ at: inout Int) throws(NumPyHeader.Fault) -> Entry {
    guard try number(at, 4) == 0x0201_4b50 else { throw NumPyHeader.Fault("has a damaged directory") }
    let method = try number(at + 10, 2), flags = try number(at + 8, 2)
    var stored = try number(at + 20, 4), byteCount = try number(at + 24, 4), local = try number(at + 42, 4)
    let nameLength = try number(at + 28, 2), extraLength = try number(at + 30, 2), noteLength = try number(at + 32, 2)
    let nameStart = at + 46
    guard nameStart + nameLength + extraLength <= bytes.count else { throw NumPyHeader.Fault("ends within its directory") }
    let name = String(decoding: bytes[nameStart..<nameStart + nameLength], as: UTF8.self)
    // Numbers that do not fit 32 bits stand in an extra field with the number 1, in this order.
    var extra = nameStart + nameLength
    let extraEnd = extra + extraLength
    while extra + 4 <= extraEnd {
      let kind = try number(extra, 2), length = try number(extra + 2, 2)
      if kind == 1 {
        var field = extra + 4
        if byteCount == 0xffff_ffff { byteCount = try number(field, 8); field += 8 }
        if stored == 0xffff_ffff { stored = try number(field, 8); field += 8 }
        if local == 0xffff_ffff { local = try number(field, 8) }
      }
      extra += 4 + length
    }
    at = extraEnd + noteLength
    guard flags & 1 == 0 else { throw NumPyHeader.Fault("holds the encrypted file “\(name.prefix(120))”") }
    guard method == 0 || method == 8 else {
      throw NumPyHeader.Fault("holds “\(name.prefix(120))” in a compression other than deflate; use numpy.savez")
    }
    guard try number(local, 4) == 0x0403_4b50 else { throw NumPyHeader.Fault("has a damaged directory") }
    let start = local + 30 + (try number(local + 26, 2)) + (try number(local + 28, 2))
    guard start <= bytes.count, stored <= bytes.count - start, method == 8 || stored == byteCount else {
      throw NumPyHeader.Fault("ends within “\(name.prefix(120))”")
    }
    return Entry(
      name: name, content: UnsafeRawBufferPointer(rebasing: bytes[start..<start + stored]), isDeflated: method == 8,
      byteCount: byteCount)
  }
}
