#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

extension MappedFile {
  /// Maps the regular file at `path`, which may take up to `byteLimit` bytes.
  public convenience init(path: String, byteLimit: Int = 64 << 30) throws(FileError) {
    do {
      // A pipe would block without O_NONBLOCK.
      let file = try FileDescriptor(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK))
      let status = try file.status()
      if let kind = status.kindIfNotRegular { throw FileError(path: path, "is \(kind), not a file") }
      guard status.st_size <= byteLimit else {
        throw FileError(path: path, "takes \(status.st_size) bytes and the limit is \(byteLimit)")
      }
      try self.init(descriptor: file.raw, status: status)
    } catch let error as FileError {
      throw error
    } catch let error as SystemError {
      throw FileError(path: path, "cannot be read (\(error.reason)); check the path and its permissions")
    } catch {
      fatalError("no other error is thrown here")
    }
  }
}
