/// Why a model could not be read, and where in which file.
public struct ImportError: Error, Hashable, Sendable {
  /// The file, as the caller named it; `<memory>` for bytes.
  public var path: String
  /// The node, tensor or byte; empty when the file as a whole is meant.
  public var place: String
  public var problem: Problem

  public enum Problem: Hashable, Sendable {
    /// The system's reason for not opening or mapping the file.
    case unreadable(String)
    /// What the path names instead of a file.
    case notAFile(String)
    case empty
    /// The file is something else; the text says what it looks like.
    case notONNX(String)
    case malformed(String)
    case tooLarge(what: String, byteCount: Int, limit: Int)
    case tooMany(what: String, limit: Int)
    case nestedTooDeeply(limit: Int)
    case missingGraph
    case missingOpset(domain: String)
    case conflictingOpsets(domain: String)
    case missingName(of: String)
    case repeatedName(String)
    case undefinedName(String)
    case cycle(through: String)
    case invalidTensor(String)
    case invalidAttribute(String)
    case externalData(String)
    case invalidFunction(String)
    case unsupported(String)
  }

  public init(path: String, place: String = "", problem: Problem) {
    self.path = path
    self.place = place
    self.problem = problem
  }
}

extension ImportError {
  /// Whether the file is correct, as far as can be told, but uses what import does not know.
  public var isUnsupported: Bool {
    if case .unsupported = problem { return true }
    return false
  }
}

extension ImportError: CustomStringConvertible {
  /// One line: file, place, problem, and what to do about it.
  public var description: String {
    let place = place.isEmpty ? "" : place + ": "
    return oneLine("\(path): \(place)\(problem)")
  }
}

extension ImportError.Problem: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unreadable(let reason): "cannot be read (\(reason)); check the path and its permissions"
    case .notAFile(let kind): "is \(kind); name the .onnx file itself"
    case .empty: "is empty; copy or export the model again"
    case .notONNX(let kind): "is not an ONNX model but looks like \(kind); export it to ONNX first"
    case .malformed(let reason): "is damaged (\(reason)); copy or export the model again"
    case .tooLarge(let what, let byteCount, let limit):
      "\(what) takes \(byteCount) bytes and the limit is \(limit); raise the import limit if the model is trusted"
    case .tooMany(let what, let limit):
      "there are more than \(limit) \(what); raise the import limit if the model is trusted"
    case .nestedTooDeeply(let limit): "graphs or types are nested more than \(limit) deep; flatten the model"
    case .missingGraph: "holds no graph; export the model again"
    case .missingOpset(let domain):
      "needs operators of \(domainTitle(domain)) but the model does not say which version; add it to opset_import"
    case .conflictingOpsets(let domain):
      "imports two versions of \(domainTitle(domain)); keep one entry in opset_import"
    case .missingName(let what): "\(what) has no name; export the model again"
    case .repeatedName(let name): "“\(name)” is made more than once; rename one of them"
    case .undefinedName(let name): "reads “\(name)”, which nothing makes; export the model again"
    case .cycle(let name): "depends on its own result through “\(name)”; export the model again"
    case .invalidTensor(let reason): "\(reason); export the model again"
    case .invalidAttribute(let reason): "\(reason); export the model again"
    case .externalData(let reason): "external data \(reason)"
    case .invalidFunction(let reason): "\(reason); export the model again"
    case .unsupported(let feature): "uses \(feature), which is not supported; export the model without it"
    }
  }
}

private func domainTitle(_ domain: String) -> String { domain.isEmpty ? "ai.onnx" : domain }

/// `text` with control characters escaped, cut to a length fit for a message.
func oneLine(_ text: String, limit: Int = 600) -> String {
  var line = ""
  for scalar in text.unicodeScalars.prefix(limit) {
    let isControl =
      scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value) || (0x2028...0x2029).contains(scalar.value)
    if isControl { line += "\\u{" + String(scalar.value, radix: 16) + "}" } else { line.unicodeScalars.append(scalar) }
  }
  return text.unicodeScalars.count > limit ? line + "…" : line
}

/// A name from the file as messages show it.
func quoted(_ name: String) -> String { "“" + oneLine(name, limit: 120) + "”" }
