#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A file that appears under its name only once it is whole.
public final class AtomicFile {
  private let path: String
  private let temporaryPath: String
  private var descriptor: Int32
  private var pending: [UInt8] = []
  package private(set) var byteCount = 0

  private static let flushThreshold = 1 << 16

  package init(path: String) throws(SystemError) {
    self.path = path
    var attempt = 0
    while true {
      let candidate = "\(path).\(getpid())-\(attempt).tmp"
      let opened = open(candidate, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      if opened >= 0 {
        descriptor = opened
        temporaryPath = candidate
        return
      }
      guard errno == EEXIST, attempt < 1000 else { throw SystemError(errno) }
      attempt += 1
    }
  }

  package func append(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
    byteCount += bytes.count
    if bytes.count < Self.flushThreshold {
      pending += bytes
      if pending.count < Self.flushThreshold { return }
      return try flush()
    }
    try flush()
    try writeAll(bytes)
  }

  package func append(zeros count: Int) throws(SystemError) {
    pending += repeatElement(0, count: count)
    byteCount += count
  }

  /// Writes what is left to the disk. The file still has its temporary name.
  ///
  /// - Parameter isDurable: whether the content must outlive a loss of power; else the system writes it when it likes.
  package func finish(isDurable: Bool = true) throws(SystemError) {
    try flush()
    guard isDurable else { return }
    guard fsync(descriptor) == 0 else { throw SystemError(errno) }
  }

  /// Gives the finished file its name, replacing what had it.
  package func publish() throws(SystemError) {
    guard rename(temporaryPath, path) == 0 else { throw SystemError(errno) }
    close(descriptor)
    descriptor = -1
  }

  deinit {
    guard descriptor >= 0 else { return }
    close(descriptor)
    unlink(temporaryPath)
  }

  private func flush() throws(SystemError) {
    let count = pending.count
    var written = 0
    while written < count {
      let status = pending.withUnsafeBytes { write(descriptor, $0.baseAddress! + written, count - written) }
      if status < 0, errno == EINTR { continue }
      guard status >= 0 else { throw SystemError(errno) }
      written += status
    }
    pending.removeAll(keepingCapacity: true)
  }

  private func writeAll(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
    var written = 0
    while written < bytes.count {
      let status = write(descriptor, bytes.baseAddress! + written, bytes.count - written)
      if status < 0, errno == EINTR { continue }
      guard status >= 0 else { throw SystemError(errno) }
      written += status
    }
  }
}
