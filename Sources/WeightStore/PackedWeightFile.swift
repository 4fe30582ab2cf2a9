import Files
import GraphIR
import Tensors

/// A file of packed weights, mapped for reading: memory that processes share, and that the system may take back.
///
/// A header, a table, then the weights of each entry, 64-byte aligned. All numbers are little-endian. The header and the
/// table are checked as a whole when the file is opened, and every entry when it is first asked for.
final class PackedWeightFile: @unchecked Sendable {
  /// Why a file is of no use.
  enum Problem: Error, Equatable {
    case missing
    /// The file cannot be read, or is not what was written.
    case damaged(String)
    /// It belongs to another model, version, CPU level or other options.
    case foreign(String)
  }

  struct Slot {
    var offset: Int
    var byteCount: Int
    var hash: ContentHash
  }

  static let magic: UInt64 = 0x4445_4B43_4150_5A56  // "VZPACKED"
  static let formatVersion: UInt32 = 1
  static let headerByteCount = 128
  static let alignment = 64
  static let entryLimit = 1 << 20
  /// Offsets in the header.
  enum Field {
    static let version = 8, entryCount = 12, byteCount = 16, tableByteCount = 24
    static let key = 32, content = 48, stamp = 64, hash = 112
  }

  let path: String
  private let file: MappedFile
  private(set) var slots: [WeightCache.Key: Slot] = [:]
  /// Whether the model was known by its contents, because its files are newer than this one knows.
  let hasStaleStamp: Bool
  /// Whether an entry turned out to be damaged. Used by one thread at a time.
  private(set) var isDamaged = false

  init(path: String, identity: ModelIdentity) throws(Problem) {
    self.path = path
    do {
      file = try MappedFile(path: path)
    } catch {
      throw .missing
    }
    let bytes = file.bytes
    guard bytes.count >= Self.headerByteCount, bytes.loadUnaligned(as: UInt64.self).littleEndian == Self.magic else {
      throw .damaged("it is no file of packed weights")
    }
    func word(_ offset: Int) -> UInt64 { UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
    func half(_ offset: Int) -> UInt32 { UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)) }
    func hash(_ offset: Int) -> ContentHash { ContentHash(high: word(offset), low: word(offset + 8)) }
    guard half(Field.version) == Self.formatVersion else { throw .foreign("it is of another version") }
    guard word(Field.byteCount) == UInt64(bytes.count), word(Field.tableByteCount) <= UInt64(bytes.count - Self.headerByteCount),
      half(Field.entryCount) <= Self.entryLimit
    else { throw .damaged("it is not as long as it says") }
    let tableEnd = Self.headerByteCount + Int(word(Field.tableByteCount))
    var hasher = ContentHasher()
    var header = Array(bytes[..<Self.headerByteCount])
    header.replaceSubrange(Field.hash..<Field.hash + 16, with: repeatElement(0, count: 16))
    header.withUnsafeBytes { hasher.update($0) }
    hasher.update(UnsafeRawBufferPointer(rebasing: bytes[Self.headerByteCount..<tableEnd]))
    guard hasher.finish() == hash(Field.hash) else { throw .damaged("its table is damaged") }
    guard hash(Field.key) == identity.key else {
      throw .foreign("it belongs to another model, CPU level, version or other options")
    }
    hasStaleStamp = identity.stamp == nil || hash(Field.stamp) != identity.stamp
    if hasStaleStamp, hash(Field.content) != identity.content() { throw .foreign("the model's weights are others") }
    slots = try Self.slots(
      UnsafeRawBufferPointer(rebasing: bytes[Self.headerByteCount..<tableEnd]), count: Int(half(Field.entryCount)),
      in: tableEnd..<bytes.count)
  }

  /// Each entry: offset, byte count and hash of its weights, the byte counts of its two names, and the names.
  private static func slots(
    _ table: UnsafeRawBufferPointer, count: Int, in weights: Range<Int>
  ) throws(Problem) -> [WeightCache.Key: Slot] {
    var slots: [WeightCache.Key: Slot] = [:]
    var at = 0
    func take(_ count: Int) throws(Problem) -> Range<Int> {
      guard count <= table.count - at else { throw .damaged("its table ends within an entry") }
      defer { at += count }
      return at..<at + count
    }
    func word() throws(Problem) -> UInt64 {
      UInt64(littleEndian: table.loadUnaligned(fromByteOffset: try take(8).lowerBound, as: UInt64.self))
    }
    func name(_ length: UInt64) throws(Problem) -> String {
      guard length <= UInt64(table.count) else { throw .damaged("its table ends within an entry") }
      return String(decoding: table[try take(Int(length))], as: UTF8.self)
    }
    for _ in 0..<count {
      let offset = try word(), byteCount = try word()
      let hash = ContentHash(high: try word(), low: try word())
      let lengths = (try word(), try word())
      let key = WeightCache.Key(output: try name(lengths.0), purpose: try name(lengths.1))
      guard offset >= weights.lowerBound, offset % UInt64(alignment) == 0, offset <= UInt64(weights.upperBound),
        byteCount <= UInt64(weights.upperBound) - offset
      else { throw .damaged("the weights of “\(key.output)” lie outside") }
      slots[key] = Slot(offset: Int(offset), byteCount: Int(byteCount), hash: hash)
    }
    return slots
  }

  /// The bytes of an entry; nil if there is none of this name and size, or if it is damaged.
  func buffer(_ key: WeightCache.Key, byteCount: Int) -> TensorBuffer? {
    guard let slot = slots[key], slot.byteCount == byteCount else { return nil }
    let part = UnsafeRawBufferPointer(rebasing: file.bytes[slot.offset..<slot.offset + slot.byteCount])
    guard ContentHash(of: part) == slot.hash else {
      isDamaged = true
      slots[key] = nil
      return nil
    }
    return TensorBuffer(borrowing: part, owner: file, isFileBacked: true)
  }
}

extension PackedWeightFile {
  /// Writes a file, which appears whole.
  ///
  /// It is not forced to the disk: what a loss of power leaves of it is recognized as damaged.
  static func write(_ entries: [WeightCache.Entry], identity: ModelIdentity, to path: String) throws(SystemError) {
    var table: [UInt8] = []
    func append(_ word: UInt64) { withUnsafeBytes(of: word.littleEndian) { table += $0 } }
    var tableByteCount = 0
    for entry in entries { tableByteCount += 48 + entry.key.output.utf8.count + entry.key.purpose.utf8.count }
    var offset = aligned(headerByteCount + tableByteCount)
    for entry in entries {
      append(UInt64(offset))
      append(UInt64(entry.buffer.byteCount))
      let hash = ContentHash(of: UnsafeRawBufferPointer(start: entry.buffer.base, count: entry.buffer.byteCount))
      append(hash.high)
      append(hash.low)
      append(UInt64(entry.key.output.utf8.count))
      append(UInt64(entry.key.purpose.utf8.count))
      table += entry.key.output.utf8
      table += entry.key.purpose.utf8
      offset = aligned(offset + entry.buffer.byteCount)
    }

    var header = [UInt8](repeating: 0, count: headerByteCount)
    func set(_ offset: Int, _ word: UInt64) {
      withUnsafeBytes(of: word.littleEndian) { header.replaceSubrange(offset..<offset + 8, with: $0) }
    }
    func set(_ offset: Int, _ hash: ContentHash) {
      set(offset, hash.high)
      set(offset + 8, hash.low)
    }
    set(0, magic)
    set(Field.version, UInt64(formatVersion) | UInt64(entries.count) << 32)
    set(Field.byteCount, UInt64(offset))
    set(Field.tableByteCount, UInt64(table.count))
    set(Field.key, identity.key)
    set(Field.content, identity.content())
    if let stamp = identity.stamp { set(Field.stamp, stamp) }
    var hasher = ContentHasher()
    header.withUnsafeBytes { hasher.update($0) }
    table.withUnsafeBytes { hasher.update($0) }
    set(Field.hash, hasher.finish())

    let file = try AtomicFile(path: path)
    try file.append(header)
    try file.append(table)
    try file.append(zeros: aligned(file.byteCount) - file.byteCount)
    for entry in entries {
      try file.append(UnsafeRawBufferPointer(start: entry.buffer.base, count: entry.buffer.byteCount))
      try file.append(zeros: aligned(file.byteCount) - file.byteCount)
    }
    try file.finish(isDurable: false)
    try file.publish()
  }

  private static func aligned(_ byteCount: Int) -> Int { (byteCount + alignment - 1) / alignment * alignment }
}

extension AtomicFile {
  fileprivate func append(_ bytes: [UInt8]) throws(SystemError) {
    var failure: SystemError?
    bytes.withUnsafeBytes { bytes in
      do throws(SystemError) { try append(bytes) } catch { failure = error }
    }
    if let failure { throw failure }
  }
}
