import Glibc
import Media

/// The pictures a head of family `gan` plays: one portrait, or a folder of them, forwards, backwards, and so on.
final class PortraitFrames {
  /// What the user gave.
  let path: String
  private let files: [String]
  /// Decoded pictures, when all of them together are small enough to keep.
  private var kept: [Int: ImageRGB8] = [:]
  private let keepsAll: Bool
  let width: Int
  let height: Int
  /// Landmarks given for a single portrait.
  let landmarks: Landmarks?

  private static let byteBudget = 64 << 20

  init(_ bundle: Bundle, _ request: TalkRequest) throws(HeadError) {
    var landmarksPath = request.landmarks
    if let portrait = request.portrait {
      path = portrait
    } else if let own = bundle.manifest.portrait {
      path = try bundle.path(own.image)
      if landmarksPath == nil { landmarksPath = try bundle.path(own.landmarks) }
    } else {
      throw .bundle(path: bundle.folder, problem: "this head brings no portrait of its own; give one with --portrait")
    }
    files = FileBytes.isDirectory(path) ? try Self.pictures(in: path) : [path]
    let files = files
    let first = try reporting { try ImageFile.read(files[0]) }
    width = first.width
    height = first.height
    keepsAll = files.count <= Self.byteBudget / max(first.pixels.count, 1)
    kept[0] = first
    if let landmarksPath, files.count == 1 {
      landmarks = try Landmarks(path: landmarksPath, width: width, height: height)
    } else {
      landmarks = nil
    }
  }

  private static func pictures(in folder: String) throws(HeadError) -> [String] {
    guard let directory = opendir(folder) else {
      throw .portrait(path: folder, problem: String(cString: strerror(errno)))
    }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      let lower = name.lowercased()
      if !name.hasPrefix("."), [".jpg", ".jpeg", ".png"].contains(where: lower.hasSuffix) { names.append(name) }
    }
    guard !names.isEmpty else {
      throw .portrait(path: folder, problem: "the folder holds no .jpg, .jpeg or .png picture")
    }
    return names.sorted().map { "\(folder)/\($0)" }
  }

  var count: Int { files.count }
  func file(_ index: Int) -> String { files[index] }

  /// The picture for frame `frame`: 0, 1, … n − 1, n − 1, … 1, 0, 0, 1, …
  func index(forFrame frame: Int) -> Int {
    let position = frame % (2 * count)
    return position < count ? position : 2 * count - 1 - position
  }

  /// Picture `index`; all have the size of the first.
  func image(_ index: Int) throws(HeadError) -> ImageRGB8 {
    if let image = kept[index] { return image }
    let image = try reporting { try ImageFile.read(files[index]) }
    guard image.width == width, image.height == height else {
      throw .portrait(
        path: files[index], problem: "it is \(image.width) × \(image.height); the first picture is \(width) × \(height)")
    }
    if keepsAll { kept[index] = image }
    return image
  }
}
