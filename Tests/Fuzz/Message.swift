/// A protobuf message as a tree that mutations change: what its type does not know, or what is broken, is left out.
struct Message: Sendable {
  struct Field: Sendable {
    var number: Int
    var value: Value
  }

  indirect enum Value: Sendable {
    case varint(UInt64)
    case fixed32(UInt32)
    case fixed64(UInt64)
    /// Strings and raw bytes.
    case bytes([UInt8])
    case message(Message)
    /// Repeated numbers in one field.
    case varints([UInt64])
    case fixed32s([UInt32])
    case fixed64s([UInt64])
  }

  /// An index of `MessageSchema`.
  var type: Int
  var fields: [Field] = []

  /// Deeper messages are kept as their bytes.
  private static let deepest = 100

  init(type: Int, fields: [Field] = []) {
    self.type = type
    self.fields = fields
  }

  init(type: Int, bytes: ArraySlice<UInt8>, depth: Int = 0) {
    self.type = type
    let known = MessageSchema.shared[type]
    var reader = Reader(rest: bytes)
    while let tag = reader.varint() {
      let field = Int(truncatingIfNeeded: tag >> 3)
      let kind = known.field(field)?.kind
      switch tag & 7 {
      case 0:
        guard let value = reader.varint() else { return }
        if kind == .varint { fields.append(Field(number: field, value: .varint(value))) }
      case 1:
        guard let value = reader.fixed(8) else { return }
        if kind == .fixed64 { fields.append(Field(number: field, value: .fixed64(value))) }
      case 5:
        guard let value = reader.fixed(4) else { return }
        if kind == .fixed32 { fields.append(Field(number: field, value: .fixed32(UInt32(value)))) }
      case 2:
        guard let content = reader.data() else { return }
        guard let kind else { continue }
        fields.append(Field(number: field, value: Self.value(kind, content, depth)))
      default: return
      }
    }
  }

  private static func value(_ kind: MessageSchema.FieldKind, _ content: ArraySlice<UInt8>, _ depth: Int) -> Value {
    var reader = Reader(rest: content)
    switch kind {
    case .message(let type) where depth < deepest:
      return .message(Message(type: type, bytes: content, depth: depth + 1))
    case .message, .text, .bytes: return .bytes(Array(content))
    case .varint:
      var values: [UInt64] = []
      while let value = reader.varint() { values.append(value) }
      return .varints(values)
    case .fixed32:
      var values: [UInt32] = []
      while let value = reader.fixed(4) { values.append(UInt32(value)) }
      return .fixed32s(values)
    case .fixed64:
      var values: [UInt64] = []
      while let value = reader.fixed(8) { values.append(value) }
      return .fixed64s(values)
    }
  }

  /// The message in protobuf's encoding.
  var encoded: [UInt8] {
    var bytes: [UInt8] = []
    encode(to: &bytes)
    return bytes
  }

  private func encode(to bytes: inout [UInt8]) {
    func varint(_ value: UInt64, _ bytes: inout [UInt8]) {
      var rest = value
      while rest >= 0x80 {
        bytes.append(UInt8(rest & 0x7f) | 0x80)
        rest >>= 7
      }
      bytes.append(UInt8(rest))
    }
    func fixed(_ value: UInt64, _ width: Int, _ bytes: inout [UInt8]) {
      for index in 0..<width { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * index))) }
    }
    func data(_ content: [UInt8], _ bytes: inout [UInt8]) {
      varint(UInt64(content.count), &bytes)
      bytes += content
    }
    for field in fields {
      let wire: UInt64
      switch field.value {
      case .varint: wire = 0
      case .fixed64: wire = 1
      case .fixed32: wire = 5
      case .bytes, .message, .varints, .fixed32s, .fixed64s: wire = 2
      }
      varint(UInt64(field.number) << 3 | wire, &bytes)
      var content: [UInt8] = []
      switch field.value {
      case .varint(let value): varint(value, &bytes)
      case .fixed32(let value): fixed(UInt64(value), 4, &bytes)
      case .fixed64(let value): fixed(value, 8, &bytes)
      case .bytes(let value): data(value, &bytes)
      case .message(let message):
        message.encode(to: &content)
        data(content, &bytes)
      case .varints(let values):
        for value in values { varint(value, &content) }
        data(content, &bytes)
      case .fixed32s(let values):
        for value in values { fixed(UInt64(value), 4, &content) }
        data(content, &bytes)
      case .fixed64s(let values):
        for value in values { fixed(value, 8, &content) }
        data(content, &bytes)
      }
    }
  }

  /// The message and all messages in it.
  var messageCount: Int { fields.reduce(1) { $0 + ($1.value.message?.messageCount ?? 0) } }

  /// Calls `body` with the message of that number, counting from this one as they are encoded, and what it is to become.
  mutating func change(messageAt index: Int, _ body: (inout Message) -> Void) {
    var left = index
    _ = change(&left, body)
  }

  private mutating func change(_ left: inout Int, _ body: (inout Message) -> Void) -> Bool {
    if left == 0 {
      body(&self)
      return true
    }
    left -= 1
    for index in fields.indices {
      guard case .message(var child) = fields[index].value else { continue }
      if child.change(&left, body) {
        fields[index].value = .message(child)
        return true
      }
    }
    return false
  }

  /// Calls `body` with this message and every message in it.
  func forEachMessage(_ body: (Message) -> Void) {
    body(self)
    for field in fields { field.value.message?.forEachMessage(body) }
  }

  /// What fields of that number hold, if they are strings or bytes.
  func texts(_ number: Int) -> [[UInt8]] {
    fields.compactMap { field in
      guard field.number == number, case .bytes(let bytes) = field.value else { return nil }
      return bytes
    }
  }

  func messages(_ number: Int) -> [Message] { fields.compactMap { $0.number == number ? $0.value.message : nil } }

  func varint(_ number: Int) -> UInt64? {
    for field in fields where field.number == number { if case .varint(let value) = field.value { return value } }
    return nil
  }
}

extension Message.Value {
  var message: Message? {
    guard case .message(let message) = self else { return nil }
    return message
  }
}

/// Takes values from the front of bytes; nil where they end too early.
private struct Reader {
  var rest: ArraySlice<UInt8>

  mutating func varint() -> UInt64? {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard let byte = rest.popFirst() else { return nil }
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
    }
    return nil
  }

  mutating func fixed(_ width: Int) -> UInt64? {
    guard rest.count >= width else { return nil }
    defer { rest = rest.dropFirst(width) }
    return rest.prefix(width).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  mutating func data() -> ArraySlice<UInt8>? {
    guard let length = varint(), length <= UInt64(rest.count) else { return nil }
    defer { rest = rest.dropFirst(Int(length)) }
    return rest.prefix(Int(length))
  }
}
