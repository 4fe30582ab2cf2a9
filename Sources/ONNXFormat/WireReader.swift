/// What is wrong with the encoding, and at which byte.
struct WireFault: Error {
  var offset: Int
  var problem: ImportError.Problem

  init(at offset: Int, _ reason: String) {
    self.offset = offset
    problem = .malformed(reason)
  }

  init(at offset: Int, problem: ImportError.Problem) {
    self.offset = offset
    self.problem = problem
  }
}

/// How a field's value is written.
enum WireType: UInt8 {
  case varint = 0
  case fixed64 = 1
  case lengthDelimited = 2
  case fixed32 = 5
}

/// Reads protobuf's encoding from a window of bytes. Offsets count from the start of `bytes`.
struct WireReader {
  private let base: UnsafePointer<UInt8>
  private(set) var offset: Int
  private let end: Int

  /// - Precondition: `range` lies in `bytes`.
  init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count && !range.isEmpty)
    base = bytes.baseAddress!.assumingMemoryBound(to: UInt8.self)
    offset = range.lowerBound
    end = range.upperBound
  }

  var isAtEnd: Bool { offset == end }

  mutating func varint() throws(WireFault) -> UInt64 {
    let start = offset
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while offset < end {
      let byte = base[offset]
      offset += 1
      value |= UInt64(byte & 0x7f) &<< shift
      if byte < 0x80 { return value }
      shift += 7
      guard shift < 70 else { throw WireFault(at: start, "a number is longer than ten bytes") }
    }
    throw WireFault(at: start, "it ends within a number")
  }

  mutating func tag() throws(WireFault) -> (field: Int, type: WireType) {
    let start = offset
    let tag = try varint()
    guard tag <= UInt64(UInt32.max), tag >> 3 != 0 else { throw WireFault(at: start, "a field number is out of range") }
    guard let type = WireType(rawValue: UInt8(tag & 7)) else {
      throw WireFault(at: start, "a field is of no known kind")
    }
    return (Int(tag >> 3), type)
  }

  /// Moves past a value and returns where its content lies (for a length-delimited one, without the length).
  mutating func value(_ type: WireType) throws(WireFault) -> Range<Int> {
    let start = offset
    switch type {
    case .varint:
      _ = try varint()
      return start..<offset
    case .fixed64: return try advance(8)
    case .fixed32: return try advance(4)
    case .lengthDelimited:
      let length = try varint()
      guard length <= UInt64(end - offset) else {
        throw WireFault(at: start, "a field of \(length) bytes goes beyond the end of what holds it")
      }
      return try advance(Int(length))
    }
  }

  private mutating func advance(_ byteCount: Int) throws(WireFault) -> Range<Int> {
    guard byteCount <= end - offset else { throw WireFault(at: offset, "it ends within a field") }
    let start = offset
    offset += byteCount
    return start..<offset
  }
}
