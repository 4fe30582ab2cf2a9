/// A file that cannot be used, and why.
public struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
  public var path: String
  /// The rest of a sentence that starts with the path.
  public var reason: String

  public init(path: String, _ reason: String) {
    self.path = path
    self.reason = reason
  }

  public var description: String { "\(path): \(reason)" }
}
