#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A file in memory, read-only, page by page as it is touched.
///
/// The file must not be shortened while it is mapped; replacing it by rename is safe.
public final class MappedFile: @unchecked Sendable {
  public let bytes: UnsafeRawBufferPointer
  /// When the file was changed last, in nanoseconds since 1970.
  public let modificationTime: Int64

  /// Maps the open regular file `descriptor`, which stays the caller's.
  package init(descriptor: Int32, status: stat) throws(SystemError) {
    let byteCount = Int(status.st_size)
    let time = Int64(status.st_mtim.tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
    modificationTime = time.overflow ? 0 : time.partialValue &+ Int64(status.st_mtim.tv_nsec)
    guard byteCount > 0 else {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    let base = mmap(nil, byteCount, PROT_READ, MAP_PRIVATE, descriptor, 0)
    guard let base, base != MAP_FAILED else { throw SystemError(errno) }
    bytes = UnsafeRawBufferPointer(start: base, count: byteCount)
  }

  /// Tells the system that no page is needed soon. Pages come back from the file when they are read again.
  public func adviseUnneeded() {
    guard let base = bytes.baseAddress else { return }
    madvise(UnsafeMutableRawPointer(mutating: base), bytes.count, MADV_DONTNEED)
  }

  /// What the whole file holds. Memory does not grow by it.
  public func contentHash() -> ContentHash {
    let piece = 4 << 20
    var hasher = ContentHasher()
    var offset = 0
    while offset < bytes.count {
      let part = UnsafeRawBufferPointer(rebasing: bytes[offset..<min(offset + piece, bytes.count)])
      hasher.update(part)
      madvise(UnsafeMutableRawPointer(mutating: part.baseAddress!), part.count, MADV_DONTNEED)
      offset += part.count
    }
    return hasher.finish()
  }

  deinit {
    guard let base = bytes.baseAddress else { return }
    munmap(UnsafeMutableRawPointer(mutating: base), bytes.count)
  }
}
