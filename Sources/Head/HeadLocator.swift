import Glibc

/// Finds heads: those of `VISEME_HEADS`, of the clone the program was built in, and of the prefix it is installed in.
public enum HeadLocator {
  /// The folder of the head `name`, which is the name of a folder with a `head.json`.
  public static func find(_ name: String) throws(HeadError) -> String {
    let folders = searchPath
    for folder in folders where FileBytes.exists("\(folder)/\(name)/head.json") { return "\(folder)/\(name)" }
    throw .headNotFound(name: name, searched: folders)
  }

  /// The folders that hold heads, in the order in which they are searched.
  public static var searchPath: [String] {
    var folders: [String] = []
    if let value = getenv("VISEME_HEADS") {
      folders += String(cString: value).split(separator: ":").map(String.init)
    }
    guard let program = FileBytes.resolved("/proc/self/exe") else { return folders }
    var parts = program.split(separator: "/").dropLast()
    if let prefix = parts.last == "bin" ? Optional(parts.dropLast()) : nil {
      folders.append("/" + (prefix + ["share", "viseme", "heads"]).joined(separator: "/"))
    }
    // A build lies some folders below the package: the first folder upwards that has both is the clone.
    while !parts.isEmpty {
      let folder = "/" + parts.joined(separator: "/")
      if FileBytes.exists("\(folder)/Package.swift"), FileBytes.isDirectory("\(folder)/Graphs") {
        folders.append("\(folder)/Graphs")
        break
      }
      parts.removeLast()
    }
    return folders
  }
}
