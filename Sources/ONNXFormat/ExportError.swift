/// Why a model could not be written, and where.
public struct ExportError: Error, Hashable, Sendable {
  public var path: String
  /// The node or graph; empty when the file as a whole is meant.
  public var place: String
  public var problem: Problem

  public enum Problem: Hashable, Sendable {
    /// The system's reason for not writing the file.
    case unwritable(String)
    /// ONNX files end at two gigabytes.
    case tooLarge(byteCount: Int)
    /// Nodes ask for another version of a domain than the model imports.
    case conflictingOpsets(domain: String, imported: Int, used: Int)
  }

  public init(path: String, place: String = "", problem: Problem) {
    self.path = path
    self.place = place
    self.problem = problem
  }
}

extension ExportError: CustomStringConvertible {
  public var description: String {
    let place = place.isEmpty ? "" : place + ": "
    return oneLine("\(path): \(place)\(problem)")
  }
}

extension ExportError.Problem: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unwritable(let reason): "cannot be written (\(reason)); check the folder and its permissions"
    case .tooLarge(let byteCount):
      "would take \(byteCount) bytes and ONNX files end at 2 GiB; write the weights as external data"
    case .conflictingOpsets(let domain, let imported, let used):
      "uses version \(used) of \(domain.isEmpty ? "ai.onnx" : domain) where the model imports \(imported); "
        + "convert the node first"
    }
  }
}
