#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A message without its weights: what protobuf decodes, and where in the file the weights are.
struct Skeleton {
  /// The data of one tensor, left in the file.
  struct Payload {
    /// The field of `TensorProto` it stands in.
    var field: Int
    var range: Range<Int>
  }

  /// Data from this size on stays in the file.
  static let payloadThreshold = 256

  /// An encoded message of the kind that was asked for. A tensor whose data was cut out has the index of its payload, in decimal, as its
  /// `doc_string`; no other message has one.
  var message: ByteSink
  var payloads: [Payload]

  /// - Parameter root: what `bytes` encode; a model unless told otherwise.
  init(
    of bytes: UnsafeRawBufferPointer, as root: WireSchema.Message = WireSchema.shared.model, limits: ImportLimits
  ) throws(WireFault) {
    var scanner = Scanner(bytes: bytes, limits: limits)
    if !bytes.isEmpty { try scanner.copy(root, bytes.indices, nesting: 0) }
    message = scanner.sink
    payloads = scanner.payloads
  }
}

/// Bytes that grow at the end.
final class ByteSink {
  private var base: UnsafeMutablePointer<UInt8>
  private(set) var count = 0
  private var capacity: Int

  init() {
    capacity = 1 << 12
    base = .allocate(capacity: capacity)
  }

  deinit { base.deallocate() }

  var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: base, count: count) }

  func append(_ source: UnsafeRawBufferPointer) {
    guard let start = source.baseAddress else { return }
    memcpy(reserve(source.count), start, source.count)
  }

  /// Adds `byteCount` bytes for the caller to fill at once.
  @discardableResult
  func reserve(_ byteCount: Int) -> UnsafeMutablePointer<UInt8> {
    if count + byteCount > capacity { grow(to: count + byteCount) }
    defer { count += byteCount }
    return base + count
  }

  private func grow(to needed: Int) {
    capacity = max(needed, capacity * 2)
    let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    memcpy(larger, base, count)
    base.deallocate()
    base = larger
  }

  /// Writes a length over the five bytes at `position`, in the longest of its encodings.
  func setLength(_ length: Int, at position: Int) {
    for byte in 0..<5 {
      base[position + byte] = UInt8(truncatingIfNeeded: length >> (7 * byte)) & 0x7f | (byte < 4 ? 0x80 : 0)
    }
  }
}

private struct Scanner {
  let bytes: UnsafeRawBufferPointer
  let limits: ImportLimits
  let schema = WireSchema.shared
  let sink = ByteSink()
  var payloads: [Skeleton.Payload] = []
  private var nodeCount = 0

  init(bytes: UnsafeRawBufferPointer, limits: ImportLimits) {
    self.bytes = bytes
    self.limits = limits
  }

  /// Appends what is kept of the message at `range` to the sink, checking everything that decoding relies on.
  mutating func copy(_ message: WireSchema.Message, _ range: Range<Int>, nesting: Int) throws(WireFault) {
    guard !range.isEmpty else { return }
    let nesting = try enter(message, at: range.lowerBound, nesting: nesting)
    var reader = WireReader(bytes, range)
    var seen: UInt32 = 0
    var payload: Int?
    while !reader.isAtEnd {
      let start = reader.offset
      let (field, type) = try reader.tag()
      let content = try reader.value(type)
      switch schema.rule(message, field: field) {
      case .skip: break
      case .scalar(let expected, let isRepeated):
        guard type == expected || (isRepeated && type == .lengthDelimited) else { throw mistyped(field, start) }
        if message == schema.tensor, type == .lengthDelimited, isPayload(field, content) {
          try cut(field, content, &payload)
        } else {
          keep(start..<reader.offset)
        }
      case .bytes:
        guard type == .lengthDelimited else { throw mistyped(field, start) }
        if message == schema.tensor, isPayload(field, content) {
          try cut(field, content, &payload)
        } else {
          keep(start..<reader.offset)
        }
      case .string:
        guard type == .lengthDelimited else { throw mistyped(field, start) }
        guard !containsZero(content) else { throw WireFault(at: start, "a name contains a zero byte") }
        keep(start..<reader.offset)
      case .message(let child, let isRepeated):
        guard type == .lengthDelimited else { throw mistyped(field, start) }
        guard isRepeated || seen & (1 << field) == 0 else {
          throw WireFault(at: start, "field \(field) is given twice")
        }
        seen |= 1 << field
        try copyChild(child, tagByteField: field, content, nesting: nesting)
      }
    }
    if let payload { appendPayloadIndex(payload) }
  }

  /// Counts the message against the limits and returns the nesting of what it holds.
  private mutating func enter(_ message: WireSchema.Message, at offset: Int, nesting: Int) throws(WireFault) -> Int {
    if message == schema.node {
      nodeCount += 1
      guard nodeCount <= limits.nodeCount else {
        throw WireFault(at: offset, problem: .tooMany(what: "nodes", limit: limits.nodeCount))
      }
    }
    guard message == schema.graph || message == schema.type else { return nesting }
    guard nesting < limits.nesting else {
      throw WireFault(at: offset, problem: .nestedTooDeeply(limit: limits.nesting))
    }
    return nesting + 1
  }

  private mutating func copyChild(
    _ child: WireSchema.Message, tagByteField field: Int, _ content: Range<Int>, nesting: Int
  ) throws(WireFault) {
    appendTag(field)
    let lengthPosition = sink.count
    sink.reserve(5)
    try copy(child, content, nesting: nesting)
    sink.setLength(sink.count - lengthPosition - 5, at: lengthPosition)
    guard sink.count <= skeletonLimit else {
      let problem = ImportError.Problem.tooLarge(what: "its structure", byteCount: sink.count, limit: skeletonLimit)
      throw WireFault(at: content.lowerBound, problem: problem)
    }
  }

  /// Protobuf's own limit is two gigabytes.
  private var skeletonLimit: Int { min(limits.structureByteCount, Int(Int32.max)) }

  /// Writes the tag of a length-delimited field; field numbers are below 32.
  private func appendTag(_ field: Int) {
    let tag = field << 3 | Int(WireType.lengthDelimited.rawValue)
    let target = sink.reserve(tag < 0x80 ? 1 : 2)
    target[0] = UInt8(tag & 0x7f) | (tag < 0x80 ? 0 : 0x80)
    if tag >= 0x80 { target[1] = UInt8(tag >> 7) }
  }

  private func keep(_ range: Range<Int>) { sink.append(UnsafeRawBufferPointer(rebasing: bytes[range])) }

  private func isPayload(_ field: Int, _ content: Range<Int>) -> Bool {
    content.count >= Skeleton.payloadThreshold && TensorField.isData(field)
  }

  private mutating func cut(_ field: Int, _ content: Range<Int>, _ payload: inout Int?) throws(WireFault) {
    guard payload == nil else { throw WireFault(at: content.lowerBound, "a tensor's data comes in several pieces") }
    payload = payloads.count
    payloads.append(Skeleton.Payload(field: field, range: content))
  }

  private func appendPayloadIndex(_ index: Int) {
    appendTag(TensorField.docString)
    let digits = Array(String(index).utf8)
    sink.reserve(1)[0] = UInt8(digits.count)
    digits.withUnsafeBytes { sink.append($0) }
  }

  private func containsZero(_ range: Range<Int>) -> Bool {
    !range.isEmpty && memchr(bytes.baseAddress! + range.lowerBound, 0, range.count) != nil
  }

  private func mistyped(_ field: Int, _ offset: Int) -> WireFault {
    WireFault(at: offset, "field \(field) is of another kind than ONNX says")
  }
}

/// Field numbers of `TensorProto` that import handles by number.
enum TensorField {
  static let floatData = 4
  static let int32Data = 5
  static let int64Data = 7
  static let stringData = 6
  static let rawData = 9
  static let doubleData = 10
  static let uint64Data = 11
  static let docString = 12

  static func isData(_ field: Int) -> Bool {
    switch field {
    case floatData, int32Data, int64Data, rawData, doubleData, uint64Data: true
    default: false
    }
  }
}
