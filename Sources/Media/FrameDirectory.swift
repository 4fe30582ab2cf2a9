internal import CMedia
import Glibc

/// Frames as files `frame_000001.jpg`, `frame_000002.jpg`, … of one folder.
///
/// Each is written under a temporary name and renamed when it is whole, so a reader never meets half a frame; the
/// temporary goes when writing fails. Frames of the same name are replaced; `staleFrames` and `removeStale` deal with
/// those an earlier, longer run left behind.
public final class FrameDirectory: FrameSink {
  public let path: String
  private let folder: Descriptor
  private let temporary: String
  private var frameCount = 0

  /// Opens the folder, making it and its parents if needed.
  public init(path: String) throws(MediaError) {
    self.path = path
    try Self.makeFolders(path)
    let raw = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard raw >= 0 else { throw MediaError(path: path, problem: .cannotOpen(errno: errno)) }
    folder = Descriptor(owning: raw)
    temporary = ".frame-\(getpid())-\(UInt32.random(in: 0...UInt32.max)).part"
  }

  /// The name of frame `index`: numbers start at 1 and have at least six digits.
  public static func name(index: Int) -> String {
    let digits = String(index + 1)
    return "frame_" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits + ".jpg"
  }

  public func write(_ jpeg: UnsafeRawBufferPointer, index: Int) throws(MediaError) {
    let name = Self.name(index: index)
    let number = place(jpeg, as: name)
    guard number == 0 else {
      unlinkat(folder.raw, temporary, 0)
      throw MediaError(path: path + "/" + name, problem: .cannotWrite(errno: number))
    }
    frameCount = max(frameCount, index + 1)
  }

  public func finish() throws(MediaError) {}

  /// Returns 0 or an errno.
  private func place(_ jpeg: UnsafeRawBufferPointer, as name: String) -> Int32 {
    let raw = openat(folder.raw, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o666)
    guard raw >= 0 else { return errno }
    let written = cm_write_all(raw, jpeg.baseAddress, jpeg.count)
    // Some file systems report a full disk only here.
    let closed = close(raw) == 0 ? 0 : errno
    guard written == 0, closed == 0 else { return written != 0 ? written : closed }
    return renameat(folder.raw, temporary, folder.raw, name) == 0 ? 0 : errno
  }

  /// Names of frames in the folder that come after every frame written here.
  public func staleFrames() throws(MediaError) -> [String] {
    let copy = openat(folder.raw, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard copy >= 0, let listing = fdopendir(copy) else {
      throw MediaError(path: path, problem: .cannotRead(errno: errno))
    }
    defer { closedir(listing) }
    var names: [String] = []
    while let entry = readdir(listing) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if let index = Self.index(name: name), index >= frameCount { names.append(name) }
    }
    return names.sorted()
  }

  /// Deletes `staleFrames`, and returns how many they were.
  @discardableResult
  public func removeStale() throws(MediaError) -> Int {
    let names = try staleFrames()
    for name in names where unlinkat(folder.raw, name, 0) != 0 && errno != ENOENT {
      throw MediaError(path: path + "/" + name, problem: .cannotWrite(errno: errno))
    }
    return names.count
  }

  /// The frame that is called `name`, if it is a frame.
  static func index(name: String) -> Int? {
    guard name.hasPrefix("frame_"), name.hasSuffix(".jpg") else { return nil }
    guard let number = Int(name.dropFirst(6).dropLast(4)), number >= 1, Self.name(index: number - 1) == name else {
      return nil
    }
    return number - 1
  }

  private static func makeFolders(_ path: String) throws(MediaError) {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw MediaError(path: path, problem: .cannotCreateFolder(errno: ENOENT))
    }
    var made = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      made += part + "/"
      if mkdir(made, 0o777) == 0 || errno == EEXIST { continue }
      let number = errno
      // A parent that may not be written, or is read-only, may still exist.
      var status = stat()
      if stat(made, &status) == 0 { continue }
      throw MediaError(path: path, problem: .cannotCreateFolder(errno: number))
    }
  }
}
