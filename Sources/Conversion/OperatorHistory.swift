/// In which opsets ONNX's own operators came, changed and went.
package struct OperatorHistory: Sendable {
  package struct Change: Sendable {
    package enum Kind: Sendable {
      /// Older nodes mean the same; newer ones too unless they use what was added.
      case compatible(newAttributes: [String], formerInputCount: Int?)
      case breaking
      case withdrawn
    }
    package var version: Int
    package var kind: Kind
  }

  package var firstVersion: Int
  package var changes: [Change]

  package static let all: [String: OperatorHistory] = {
    var histories: [String: OperatorHistory] = [:]
    for line in table.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count >= 2, let first = Int(words[1]) else { continue }
      histories[String(words[0])] = OperatorHistory(firstVersion: first, changes: words.dropFirst(2).map(change))
    }
    return histories
  }()

  private static func change(_ word: Substring) -> Change {
    if word.hasPrefix("x") { return Change(version: Int(word.dropFirst()) ?? 0, kind: .withdrawn) }
    let digits = word.prefix(while: \.isNumber)
    let rest = word.dropFirst(digits.count)
    guard rest.hasPrefix("=") else { return Change(version: Int(digits) ?? 0, kind: .breaking) }
    let parts = rest.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    return Change(
      version: Int(digits) ?? 0,
      kind: .compatible(
        newAttributes: parts.first.map { $0.split(separator: ",").map(String.init) } ?? [],
        formerInputCount: parts.count > 1 ? Int(parts[1]) : nil))
  }
}
