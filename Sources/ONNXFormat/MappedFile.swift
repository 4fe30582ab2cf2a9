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
  init(descriptor: Int32, byteCount: Int) throws(SystemError) {
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

/// A failed system call, by its `errno`.
struct SystemError: Error {
  var code: Int32
  init(_ code: Int32) { self.code = code }
  var reason: String { String(cString: strerror(code)) }
}

/// An open file descriptor, closed with its last use.
struct FileDescriptor: ~Copyable {
  let raw: Int32

  init(_ raw: Int32) throws(SystemError) {
    guard raw >= 0 else { throw SystemError(errno) }
    self.raw = raw
  }

  deinit { close(raw) }

  func status() throws(SystemError) -> stat {
    var status = stat()
    guard fstat(raw, &status) == 0 else { throw SystemError(errno) }
    return status
  }
}

extension stat {
  /// What stands in the way of reading it as a file; nil for a regular file.
  var kindIfNotRegular: String? {
    switch st_mode & S_IFMT {
    case S_IFREG: nil
    case S_IFDIR: "a folder"
    case S_IFIFO: "a pipe"
    case S_IFSOCK: "a socket"
    default: "a device"
    }
  }
}
