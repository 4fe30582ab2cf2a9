import Glibc

/// Frames as files `frame_000001.jpg`, `frame_000002.jpg`, … of one folder.
///
/// Each is written under a temporary name and renamed when it is whole, so a reader never meets half a frame; the
/// temporary goes when writing fails. Frames of the same name are replaced; `staleFrames` and `removeStale` deal with
/// those an earlier, longer run left behind.
public final class FrameDirectory: FrameSink {
  public let path: String
  private let folder: Descriptor
  private let file = WholeFile()
  private var frameCount = 0

  /// Opens the folder, making it and its parents if needed.
  public init(path: String) throws(MediaError) {
    self.path = path
    try Self.makeFolders(path)
    let raw = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard raw >= 0 else { throw MediaError(path: path, problem: .cannotOpen(errno: errno)) }
    folder = Descriptor(owning: raw)
  }

  /// The name of frame `index`: numbers start at 1 and have at least six digits.
  public static func name(index: Int) -> String {
    let digits = String(index + 1)
    return "frame_" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits + ".jpg"
  }

  public func write(_ jpeg: UnsafeRawBufferPointer, index: Int) throws(MediaError) {
    let name = Self.name(index: index)
    let number = file.write(jpeg, as: name, folder: folder.raw)
    guard number == 0 else {
      throw MediaError(path: path + "/" + name, problem: .cannotWrite(errno: number))
    }
    frameCount = max(frameCount, index + 1)
  }

  public func finish() throws(MediaError) {}

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
