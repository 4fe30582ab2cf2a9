import Files

/// Which packed weights belong to a model: what it is made of, and how it is packed.
///
/// Reading all weights to learn whether they are the same would cost what packed weights save. So a model is known by
/// its structure, the sizes of its files and samples of their contents (`key`), and by the times of their last changes
/// (`stamp`). Only where the times differ are the contents read (`content`).
public struct ModelIdentity: Sendable {
  /// How kernels read packed weights; raised whenever that changes.
  public static let packingVersion = 1

  public let key: ContentHash
  /// When the files were changed last; nil where a change in the same moment would not show.
  public let stamp: ContentHash?
  private let files: [MappedFile]

  /// - Parameters:
  ///   - structure: hash of all of the model but its weights.
  ///   - files: the files that the model is read from.
  ///   - options: what changes packing, such as the CPU level.
  ///   - now: nanoseconds since 1970.
  public init(structure: ContentHash, files: [MappedFile], options: String, now: Int64) {
    self.files = files
    var text = "\(Self.packingVersion) \(options) \(structure.digits)"
    var times = ""
    var isFresh = false
    for file in files {
      text += " \(file.bytes.count) \(Self.sample(of: file.bytes).digits)"
      // With each piece came the pages around it.
      file.adviseUnneeded()
      times += " \(file.modificationTime)"
      if file.modificationTime > now - Self.clockTick { isFresh = true }
    }
    key = ContentHash(of: text)
    stamp = isFresh ? nil : ContentHash(of: times)
  }

  /// A file that was changed less than this many nanoseconds ago may be changed again at the same time.
  private static let clockTick: Int64 = 2_000_000_000

  /// Hash of all contents.
  public func content() -> ContentHash {
    ContentHash(of: files.map { $0.contentHash().digits }.joined(separator: " "))
  }

  /// Hash of 64 pieces, evenly spread.
  private static func sample(of bytes: UnsafeRawBufferPointer) -> ContentHash {
    let piece = ContentHasher.blockByteCount, count = 64
    guard bytes.count > piece * count else { return ContentHash(of: bytes) }
    var hasher = ContentHasher()
    for index in 0..<count {
      let start = (bytes.count - piece) / (count - 1) * index
      hasher.update(UnsafeRawBufferPointer(rebasing: bytes[start..<start + piece]))
    }
    return hasher.finish()
  }
}
