/// Whether two contents are the same, by 128 bits: against damage and mistakes, not against forgery.
public struct ContentHash: Hashable, Sendable {
  public var high: UInt64
  public var low: UInt64

  public init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }

  public init(of bytes: UnsafeRawBufferPointer) {
    var hasher = ContentHasher()
    hasher.update(bytes)
    self = hasher.finish()
  }

  public init(of text: String) {
    var text = text
    self = text.withUTF8 { ContentHash(of: UnsafeRawBufferPointer($0)) }
  }

  /// 32 hexadecimal digits.
  public var digits: String {
    [high, low].map { part in
      let text = String(part, radix: 16)
      return String(repeating: "0", count: 16 - text.count) + text
    }.joined()
  }
}

/// Hashes content that comes in pieces, about as fast as memory can be read.
///
/// Eight lanes take a word each in turn, by steps that lose nothing: a change to one word always changes its lane.
public struct ContentHasher: Sendable {
  private typealias Lanes = (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
  private var lanes: Lanes = (
    0x9E37_79B9_7F4A_7C15, 0xBF58_476D_1CE4_E5B9, 0x94D0_49BB_1331_11EB, 0xD6E8_FEB8_6659_FD93,
    0xA076_1D64_78BD_642F, 0xE703_7ED1_A0B4_28DB, 0x8EBC_6AF0_9C88_C6E3, 0x5899_65CC_7537_4CC3
  )
  private var byteCount = 0

  /// Bytes of a piece, other than the last, are a multiple of this.
  public static let blockByteCount = 64

  public init() {}

  @inline(__always)
  private static func step(_ lane: inout UInt64, _ word: UInt64) {
    let mixed = lane ^ UInt64(littleEndian: word)
    lane = (mixed << 23 | mixed >> 41) &* 0x9E37_79B9_7F4A_7C15
  }

  /// - Precondition: no piece before this one ended within a block.
  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    precondition(byteCount.isMultiple(of: Self.blockByteCount))
    byteCount += bytes.count
    guard let base = bytes.baseAddress else { return }
    let end = bytes.count / Self.blockByteCount * Self.blockByteCount
    var now = lanes
    var offset = 0
    while offset < end {
      Self.add(base + offset, &now)
      offset += Self.blockByteCount
    }
    if end < bytes.count {
      var last = (UInt64(0), UInt64(0), UInt64(0), UInt64(0), UInt64(0), UInt64(0), UInt64(0), UInt64(0))
      withUnsafeMutableBytes(of: &last) { rest in
        rest.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[end...]))
        Self.add(UnsafeRawPointer(rest.baseAddress!), &now)
      }
    }
    lanes = now
  }

  @inline(__always)
  private static func add(_ block: UnsafeRawPointer, _ lanes: inout Lanes) {
    step(&lanes.0, block.loadUnaligned(as: UInt64.self))
    step(&lanes.1, block.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    step(&lanes.2, block.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
    step(&lanes.3, block.loadUnaligned(fromByteOffset: 24, as: UInt64.self))
    step(&lanes.4, block.loadUnaligned(fromByteOffset: 32, as: UInt64.self))
    step(&lanes.5, block.loadUnaligned(fromByteOffset: 40, as: UInt64.self))
    step(&lanes.6, block.loadUnaligned(fromByteOffset: 48, as: UInt64.self))
    step(&lanes.7, block.loadUnaligned(fromByteOffset: 56, as: UInt64.self))
  }

  public func finish() -> ContentHash {
    func spread(_ value: UInt64) -> UInt64 {
      var value = value
      value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
      value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
      return value ^ value >> 31
    }
    var (high, low) = (UInt64(byteCount), ~UInt64(byteCount))
    for lane in [lanes.0, lanes.1, lanes.2, lanes.3, lanes.4, lanes.5, lanes.6, lanes.7] {
      high = spread(high ^ lane)
      low = spread(low &+ (lane << 32 | lane >> 32))
    }
    return ContentHash(high: high, low: low)
  }
}
