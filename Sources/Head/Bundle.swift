/// A head's folder: its manifest, and the files it names.
public struct Bundle: Sendable {
  public let folder: String
  public let manifest: Manifest

  /// Opens the head in `folder`.
  public init(folder: String) throws(HeadError) {
    guard FileBytes.isDirectory(folder) else {
      throw .bundle(path: folder, problem: "it is not a folder; a head is a folder with a head.json")
    }
    self.folder = folder
    manifest = try Manifest(path: "\(folder)/head.json")
  }

  /// The path of a file that the manifest names; refuses one that lies outside the folder.
  public func path(_ name: String) throws(HeadError) -> String {
    let manifestPath = "\(folder)/head.json"
    guard name.utf8.count <= 255 else {
      throw .bundle(path: manifestPath, problem: "the path “\(name.prefix(40))…” is longer than 255 bytes")
    }
    guard !name.isEmpty, !name.hasPrefix("/"), !name.split(separator: "/").contains(".."),
      !name.utf8.contains(0)
    else { throw .bundle(path: manifestPath, problem: "the path “\(name)” leaves the bundle's folder") }
    let path = "\(folder)/\(name)"
    guard let target = FileBytes.resolved(path) else {
      throw .bundle(path: manifestPath, problem: "it names the file “\(name)”, which does not exist")
    }
    guard let root = FileBytes.resolved(folder), target.hasPrefix(root + "/") else {
      throw .bundle(path: manifestPath, problem: "“\(name)” is a link that leaves the bundle's folder")
    }
    return path
  }
}
