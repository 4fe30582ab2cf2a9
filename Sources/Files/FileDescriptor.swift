#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A failed system call, by its `errno`.
package struct SystemError: Error {
  package var code: Int32
  package init(_ code: Int32) { self.code = code }
  package var reason: String { String(cString: strerror(code)) }
}

/// An open file descriptor, closed with its last use.
package struct FileDescriptor: ~Copyable {
  package let raw: Int32

  package init(_ raw: Int32) throws(SystemError) {
    guard raw >= 0 else { throw SystemError(errno) }
    self.raw = raw
  }

  deinit { close(raw) }

  package func status() throws(SystemError) -> stat {
    var status = stat()
    guard fstat(raw, &status) == 0 else { throw SystemError(errno) }
    return status
  }
}

extension stat {
  /// What stands in the way of reading it as a file; nil for a regular file.
  package var kindIfNotRegular: String? {
    switch st_mode & S_IFMT {
    case S_IFREG: nil
    case S_IFDIR: "a folder"
    case S_IFIFO: "a pipe"
    case S_IFSOCK: "a socket"
    default: "a device"
    }
  }
}
