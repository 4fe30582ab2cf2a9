/// The bytes of an encoded picture; whatever lies beyond them is nil.
struct ImageBytes: Sendable {
  let all: [UInt8]

  init(_ all: [UInt8]) { self.all = all }

  var count: Int { all.count }

  func u8(_ offset: Int) -> UInt8? { all.indices.contains(offset) ? all[offset] : nil }

  /// An unsigned number of `width` bytes.
  func number(_ offset: Int, width: Int, isBigEndian: Bool = false) -> Int? {
    guard offset >= 0, width <= count, offset <= count - width else { return nil }
    let bytes = all[offset..<(offset + width)]
    return (isBigEndian ? Array(bytes) : bytes.reversed()).reduce(0) { $0 << 8 | Int($1) }
  }

  /// A signed number of four bytes, least significant first.
  func signed(_ offset: Int) -> Int? { number(offset, width: 4).map { Int(Int32(truncatingIfNeeded: $0)) } }
}
