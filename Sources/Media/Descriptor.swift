import Glibc

/// An open file descriptor, closed when it goes.
struct Descriptor: ~Copyable {
  let raw: Int32
  private let isOwned: Bool

  init(owning raw: Int32) {
    self.raw = raw
    isOwned = true
  }

  init(borrowing raw: Int32) {
    self.raw = raw
    isOwned = false
  }

  deinit { if isOwned { _ = close(raw) } }

  /// Opens a regular file for reading; anything else is an error at once, also what would block, like a pipe.
  static func open(regularFile path: String) throws(MediaError) -> Descriptor {
    guard !path.utf8.contains(0) else {
      throw MediaError(path: path, problem: .cannotOpen(errno: ENOENT))
    }
    let raw = Glibc.open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard raw >= 0 else { throw MediaError(path: path, problem: openProblem(path, errno)) }
    let descriptor = Descriptor(owning: raw)
    if let kind = try descriptor.irregularKind(path: path) {
      throw MediaError(path: path, problem: .notAFile(kind))
    }
    return descriptor
  }

  /// A socket cannot be opened at all; say what it is rather than "no such device".
  private static func openProblem(_ path: String, _ number: Int32) -> MediaError.Problem {
    number == ENXIO ? .notAFile(.socket) : .cannotOpen(errno: number)
  }

  /// What this is if it is not a regular file.
  private func irregularKind(path: String) throws(MediaError) -> MediaError.FileKind? {
    var status = stat()
    guard fstat(raw, &status) == 0 else { throw MediaError(path: path, problem: .cannotOpen(errno: errno)) }
    switch status.st_mode & S_IFMT {
    case S_IFREG: return nil
    case S_IFDIR: return .folder
    case S_IFIFO: return .pipe
    case S_IFSOCK: return .socket
    case S_IFCHR, S_IFBLK: return .device
    default: return .other
    }
  }

  /// Whether this is a regular file without content.
  var isEmptyFile: Bool {
    var status = stat()
    return fstat(raw, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && status.st_size == 0
  }

  /// Everything up to the end of the file, which may lie about its size or grow meanwhile.
  func readAll(path: String, byteLimit: Int) throws(MediaError) -> [UInt8] {
    var status = stat()
    guard fstat(raw, &status) == 0 else { throw MediaError(path: path, problem: .cannotRead(errno: errno)) }
    guard status.st_size <= byteLimit else { throw MediaError(path: path, problem: .tooManyBytes(limit: byteLimit)) }
    var bytes = [UInt8](repeating: 0, count: max(4096, Int(status.st_size) + 1))
    var count = 0
    while true {
      if count == bytes.count {
        guard count <= byteLimit else { throw MediaError(path: path, problem: .tooManyBytes(limit: byteLimit)) }
        bytes.append(contentsOf: repeatElement(0, count: count))
      }
      let got = bytes.withUnsafeMutableBytes { read(raw, $0.baseAddress! + count, $0.count - count) }
      if got == 0 { break }
      if got > 0 {
        count += got
        continue
      }
      guard errno == EINTR else { throw MediaError(path: path, problem: .cannotRead(errno: errno)) }
    }
    bytes.removeLast(bytes.count - count)
    return bytes
  }
}
