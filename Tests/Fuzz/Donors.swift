import Operators

/// Parts of all cases, which mutations put into others.
struct Donors: Sendable {
  private var byType: [Int: [Message]] = [:]
  private(set) var texts: [[UInt8]] = []
  /// Every operator of ONNX that Viseme has.
  let operators: [[UInt8]]
  /// Those of ONNX Runtime.
  let contributed: [[UInt8]]

  private static let limitPerType = 20_000

  init(_ cases: [[UInt8]]) {
    let known = OperatorRegistry.standard.names
    operators = known.filter { !$0.contains(".") }.map { Array($0.utf8) }
    let domain = "com.microsoft."
    contributed = known.filter { $0.hasPrefix(domain) }.map { Array($0.dropFirst(domain.count).utf8) }
    var seen: Set<[UInt8]> = []
    for bytes in cases {
      Message(type: MessageSchema.case, bytes: bytes[...]).forEachMessage { message in
        if byType[message.type, default: []].count < Self.limitPerType, message.messageCount < 500 {
          byType[message.type, default: []].append(message)
        }
        for field in message.fields where MessageSchema.shared[message.type].field(field.number)?.kind == .text {
          guard case .bytes(let text) = field.value, text.count < 64, seen.insert(text).inserted else { continue }
          texts.append(text)
        }
      }
    }
  }

  func messages(_ type: Int) -> [Message] { byType[type] ?? [] }
}
