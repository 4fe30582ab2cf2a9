extension AtomicFile {
  /// Writes all of a file at once.
  public static func writeWhole(_ parts: [UnsafeRawBufferPointer], to path: String) throws(FileError) {
    do {
      let file = try AtomicFile(path: path)
      for part in parts { try file.append(part) }
      try file.finish()
      try file.publish()
    } catch {
      throw FileError(path: path, "cannot be written (\(error.reason)); check the folder and its permissions")
    }
  }

  /// Writes a text file at once.
  public static func writeWhole(_ text: String, to path: String) throws(FileError) {
    var result: Result<Void, FileError> = .success(())
    var text = text
    text.withUTF8 { bytes in
      do throws(FileError) { try writeWhole([UnsafeRawBufferPointer(bytes)], to: path) } catch { result = .failure(error) }
    }
    try result.get()
  }
}
