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

  /// Maps the open regular file `descriptor`, which stays the caller's.
  package init(descriptor: Int32, byteCount: Int) throws(SystemError) {
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

  deinit {
    guard let base = bytes.baseAddress else { return }
    munmap(UnsafeMutableRawPointer(mutating: base), bytes.count)
  }
}
