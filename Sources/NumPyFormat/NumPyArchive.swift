import CZlib
import Files
import Tensors

/// Several named arrays in one file (`.npz`): a zip archive of `.npy` files, plain or deflated.
public enum NumPyArchive {
  /// Reads all arrays at `path`, in the file's order.
  public static func load(path: String, byteLimit: Int = 16 << 30) throws(FileError) -> [(name: String, tensor: Tensor)] {
    let file = try MappedFile(path: path)
    do throws(NumPyHeader.Fault) {
      var arrays: [(name: String, tensor: Tensor)] = []
      var budget = byteLimit
      for entry in try ZipDirectory(file.bytes).entries where entry.name.hasSuffix(".npy") {
        let name = String(entry.name.dropLast(4))
        do throws(NumPyHeader.Fault) {
          let tensor = try array(entry, file, byteLimit: budget)
          budget -= tensor.byteCount
          arrays.append((name, tensor))
        } catch {
          throw NumPyHeader.Fault("the array “\(name.prefix(120))” \(error.reason)")
        }
      }
      return arrays
    } catch {
      throw FileError(path: path, error.reason)
    }
  }

  /// Writes the arrays without compression; readers see the old file or the new one, never a part.
  public static func write(_ arrays: [(name: String, tensor: Tensor)], to path: String) throws(FileError) {
    var archive = ZipWriter()
    for (name, tensor) in arrays {
      do {
        archive.add(name: "\(name).npy", try NumPyArray.encode(tensor))
      } catch {
        throw FileError(path: path, error.reason)
      }
    }
    guard let bytes = archive.finished() else {
      throw FileError(path: path, "would take more than 4 GiB, where plain archives end; write .pb or .npy files instead")
    }
    var result: Result<Void, FileError> = .success(())
    bytes.withUnsafeBytes { bytes in
      do throws(FileError) { try AtomicFile.writeWhole([bytes], to: path) } catch { result = .failure(error) }
    }
    try result.get()
  }

  private static func array(
    _ entry: ZipDirectory.Entry, _ file: MappedFile, byteLimit: Int
  ) throws(NumPyHeader.Fault) -> Tensor {
    guard entry.isDeflated else { return try NumPyArray.decode(entry.content, owner: file, byteLimit: byteLimit) }
    // Deflate shrinks to a thousandth at best, so nothing is allocated that the file does not pay for.
    guard entry.byteCount <= byteLimit, entry.byteCount / 1040 <= entry.content.count + 64 else {
      throw NumPyHeader.Fault("claims to unfold to \(entry.byteCount) bytes, which is too much")
    }
    let buffer = TensorBuffer(byteCount: entry.byteCount, isZeroed: false)
    try inflate(entry.content, into: UnsafeMutableRawBufferPointer(start: buffer.base, count: entry.byteCount))
    let bytes = UnsafeRawBufferPointer(start: buffer.base, count: entry.byteCount)
    return try NumPyArray.decode(bytes, owner: buffer, byteLimit: byteLimit)
  }

  private static func inflate(
    _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
  ) throws(NumPyHeader.Fault) {
    var stream = z_stream()
    // Negative window bits: bare deflate, without zlib's header.
    guard inflateInit2_(&stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      throw NumPyHeader.Fault("cannot be unfolded: out of memory")
    }
    defer { inflateEnd(&stream) }
    var read = 0, written = 0
    while true {
      // zlib counts in 32 bits.
      let input = min(source.count - read, 1 << 30), output = min(target.count - written, 1 << 30)
      stream.next_in = UnsafeMutablePointer(mutating: source.baseAddress?.assumingMemoryBound(to: UInt8.self))?
        .advanced(by: read)
      stream.avail_in = UInt32(input)
      stream.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self).advanced(by: written)
      stream.avail_out = UInt32(output)
      let status = CZlib.inflate(&stream, Z_NO_FLUSH)
      let consumed = input - Int(stream.avail_in), produced = output - Int(stream.avail_out)
      read += consumed
      written += produced
      if status == Z_STREAM_END, written == target.count { return }
      guard status == Z_OK, consumed + produced > 0 else { throw NumPyHeader.Fault("is damaged within its compressed data") }
    }
  }
}
