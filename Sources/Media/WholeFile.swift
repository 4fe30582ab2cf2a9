internal import CMedia
import Glibc

/// Writes files under a temporary name in their own folder and renames them when they are whole.
struct WholeFile {
  /// In the folder of the files.
  let temporary = ".viseme-\(getpid())-\(UInt32.random(in: 0...UInt32.max)).part"

  /// Puts `bytes` into `name` of the open folder. Returns 0 or an errno; on failure the folder is as before.
  func write(_ bytes: UnsafeRawBufferPointer, as name: String, folder: Int32) -> Int32 {
    let number = place(bytes, name, folder)
    if number != 0 { unlinkat(folder, temporary, 0) }
    return number
  }

  private func place(_ bytes: UnsafeRawBufferPointer, _ name: String, _ folder: Int32) -> Int32 {
    let raw = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o666)
    guard raw >= 0 else { return errno }
    let written = cm_write_all(raw, bytes.baseAddress, bytes.count)
    // Some file systems report a full disk only here.
    let closed = close(raw) == 0 ? 0 : errno
    guard written == 0, closed == 0 else { return written != 0 ? written : closed }
    return renameat(folder, temporary, folder, name) == 0 ? 0 : errno
  }
}

extension ImageFile {
  /// Writes a JPEG file, whole or not at all, into a folder that exists.
  public static func writeJPEG(
    _ image: ImageRGB8, to path: String, quality: Int = 90, chroma: JPEGEncoder.Chroma = .c420
  ) throws(MediaError) {
    let jpeg = try JPEGEncoder(width: image.width, height: image.height, quality: quality, chroma: chroma).encode(image)
    let parts = path.split(separator: "/", omittingEmptySubsequences: true)
    guard let name = parts.last, !path.hasSuffix("/"), !path.utf8.contains(0) else {
      throw MediaError(path: path, problem: .cannotWrite(errno: ENOENT))
    }
    let parent = String(path.dropLast(name.count))
    let raw = open(parent.isEmpty ? "." : parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard raw >= 0 else { throw MediaError(path: path, problem: .cannotWrite(errno: errno)) }
    let folder = Descriptor(owning: raw)
    let number = jpeg.withUnsafeBytes { WholeFile().write($0, as: String(name), folder: folder.raw) }
    guard number == 0 else { throw MediaError(path: path, problem: .cannotWrite(errno: number)) }
  }
}
