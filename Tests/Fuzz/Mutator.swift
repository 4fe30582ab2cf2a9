/// Changes cases: fields, extents, attributes, types, names, edges, contents, subgraphs and functions, or plain bytes.
struct Mutator {
  var random: RandomNumbers
  private let donors: Donors

  init(seed: UInt64, donors: Donors) {
    random = RandomNumbers(seed: seed)
    self.donors = donors
  }

  /// The bytes of a case made from those of another.
  mutating func mutated(_ bytes: [UInt8], limit: Int = .max) -> [UInt8] {
    if random.isTrue(oneIn: 25) { return mutatedBytes(bytes, limit: limit) }
    var message = Message(type: MessageSchema.case, bytes: bytes[...])
    let names = Names(message)
    for _ in 0..<[1, 1, 1, 2, 2, 3, 5, 9][random.below(8)] { change(&message, names) }
    let result = message.encoded
    if result.count > limit { return mutatedBytes(bytes, limit: limit) }
    return random.isTrue(oneIn: 50) ? mutatedBytes(result, limit: limit) : result
  }

  /// A case with parts of another in it.
  mutating func crossed(_ first: [UInt8], _ second: [UInt8], limit: Int) -> [UInt8] {
    var message = Message(type: MessageSchema.case, bytes: first[...])
    var parts: [Message] = []
    Message(type: MessageSchema.case, bytes: second[...]).forEachMessage { parts.append($0) }
    guard let part = random.pick(parts) else { return first }
    message.change(messageAt: random.below(message.messageCount)) { target in
      if target.type == part.type {
        target = part
        return
      }
      let places = target.fields.indices.filter { target.fields[$0].value.message?.type == part.type }
      if let place = random.pick(Array(places)) { target.fields[place].value = .message(part) }
    }
    let result = message.encoded
    return result.count > limit ? first : result
  }

  private mutating func mutatedBytes(_ bytes: [UInt8], limit: Int) -> [UInt8] {
    var bytes = Array(bytes.prefix(limit))
    guard !bytes.isEmpty else { return [UInt8(random.below(256))] }
    for _ in 0...random.below(4) {
      let place = random.below(bytes.count)
      switch random.below(5) {
      case 0: bytes[place] ^= 1 << UInt8(random.below(8))
      case 1: bytes[place] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)]
      case 2: bytes[place] = UInt8(random.below(256))
      case 3: bytes.removeSubrange(place..<min(bytes.count, place + 1 + random.below(8)))
      default:
        let from = random.below(bytes.count)
        bytes.insert(contentsOf: bytes[from..<min(bytes.count, from + 1 + random.below(16))], at: place)
      }
      if bytes.isEmpty { break }
    }
    return Array(bytes.prefix(limit))
  }

  private mutating func change(_ root: inout Message, _ names: Names) {
    root.change(messageAt: random.below(root.messageCount)) { message in
      if message.type == MessageSchema.graph, random.isTrue(oneIn: 2) { return grow(&message, names) }
      if message.type == MessageSchema.node, random.isTrue(oneIn: 4) { return exchangeOperator(&message) }
      switch random.below(20) {
      case 0, 1: remove(&message)
      case 2: duplicate(&message)
      case 3: swap(&message)
      case 4, 5: take(&message)
      case 6, 7: add(&message, names)
      default: changeValue(&message, names)
      }
    }
  }

  private mutating func remove(_ message: inout Message) {
    if !message.fields.isEmpty { message.fields.remove(at: random.below(message.fields.count)) }
  }

  private mutating func duplicate(_ message: inout Message) {
    guard let field = random.pick(message.fields), field.value.message.map({ $0.messageCount < 200 }) ?? true else { return }
    for _ in 0..<(random.isTrue(oneIn: 10) ? 20 : 1) {
      message.fields.insert(field, at: random.below(message.fields.count + 1))
    }
  }

  private mutating func swap(_ message: inout Message) {
    guard message.fields.count > 1 else { return }
    message.fields.swapAt(random.below(message.fields.count), random.below(message.fields.count))
  }

  /// Puts a message of another case in the place of one of the same type.
  private mutating func take(_ message: inout Message) {
    let places = Array(message.fields.indices.filter { message.fields[$0].value.message != nil })
    guard let place = random.pick(places), let type = message.fields[place].value.message?.type,
      let donor = random.pick(donors.messages(type))
    else { return }
    message.fields[place].value = .message(donor)
  }

  /// Adds a field that the message's type knows.
  private mutating func add(_ message: inout Message, _ names: Names) {
    guard let type = random.pick(MessageSchema.shared[message.type].fields) else { return }
    let value: Message.Value
    switch type.kind {
    case .varint: value = .varint(integer(near: 0, in: type))
    case .fixed32: value = .fixed32(float().bitPattern)
    case .fixed64: value = .fixed64(Double(float()).bitPattern)
    case .text: value = .bytes(text(names, [], type))
    case .bytes: value = .bytes([UInt8](repeating: UInt8(random.below(256)), count: random.below(64)))
    case .message(let kind):
      guard let donor = random.pick(donors.messages(kind)) else { return }
      value = .message(donor)
    }
    message.fields.insert(.init(number: type.number, value: value), at: random.below(message.fields.count + 1))
  }

  /// Adds a node of another case to a graph, between values that are there.
  private mutating func grow(_ graph: inout Message, _ names: Names) {
    guard var node = random.pick(donors.messages(MessageSchema.node)) else { return }
    let produced = Array(graph.fields.indices.filter { graph.fields[$0].number == 1 })
    let outputs = graph.messages(1).flatMap { $0.texts(2) }
    for index in node.fields.indices {
      guard case .bytes(let old) = node.fields[index].value, !old.isEmpty else { continue }
      switch node.fields[index].number {
      // Often the result of a node just before, so that chains grow which passes join.
      case 1: node.fields[index].value = .bytes(random.pick(random.isTrue(oneIn: 2) ? outputs : names.values) ?? old)
      case 2: node.fields[index].value = .bytes(random.isTrue(oneIn: 3) ? old : fresh())
      default: break
      }
    }
    let made = node.texts(2).first
    graph.fields.insert(
      .init(number: 1, value: .message(node)), at: random.isTrue(oneIn: 4) ? 0 : (produced.last.map { $0 + 1 } ?? 0))
    guard let made, random.isTrue(oneIn: 2) else { return }
    // What it makes becomes an output, so that nobody drops it as dead.
    let output = MessageSchema.shared[graph.type].field(12)!
    guard case .message(let type) = output.kind else { return }
    graph.fields.append(
      .init(number: 12, value: .message(Message(type: type, fields: [.init(number: 1, value: .bytes(made))]))))
  }

  private mutating func fresh() -> [UInt8] { Array("v\(random.below(1_000_000))".utf8) }

  /// Another operator for the same operands.
  private mutating func exchangeOperator(_ node: inout Message) {
    let isContributed = random.isTrue(oneIn: 4)
    guard let name = random.pick(isContributed ? donors.contributed : donors.operators) else { return }
    node.fields.removeAll { $0.number == 4 || $0.number == 7 }
    node.fields.append(.init(number: 4, value: .bytes(name)))
    if isContributed { node.fields.append(.init(number: 7, value: .bytes(Array("com.microsoft".utf8)))) }
  }

  private mutating func changeValue(_ message: inout Message, _ names: Names) {
    guard !message.fields.isEmpty else { return }
    let index = random.below(message.fields.count)
    guard let type = MessageSchema.shared[message.type].field(message.fields[index].number) else { return }
    switch message.fields[index].value {
    case .varint(let value): message.fields[index].value = .varint(integer(near: value, in: type))
    case .fixed32: message.fields[index].value = .fixed32(float().bitPattern)
    case .fixed64: message.fields[index].value = .fixed64(Double(float()).bitPattern)
    case .bytes(let old):
      message.fields[index].value = .bytes(type.kind == .text ? text(names, old, type) : contents(old))
    case .message: break
    case .varints(var values):
      changeList(&values) { $0.integer(near: $1, in: type) }
      message.fields[index].value = .varints(values)
    case .fixed32s(var values):
      changeList(&values) { mutator, _ in mutator.float().bitPattern }
      message.fields[index].value = .fixed32s(values)
    case .fixed64s(var values):
      changeList(&values) { mutator, _ in Double(mutator.float()).bitPattern }
      message.fields[index].value = .fixed64s(values)
    }
  }

  private mutating func changeList<Element: FixedWidthInteger>(
    _ values: inout [Element], _ change: (inout Mutator, Element) -> Element
  ) {
    guard !values.isEmpty else {
      values.append(change(&self, 0))
      return
    }
    let place = random.below(values.count)
    switch random.below(6) {
    case 0: values.remove(at: place)
    case 1: values.insert(change(&self, values[place]), at: place)
    case 2: values.append(values[place])
    default: values[place] = change(&self, values[place])
    }
  }

  private static let extremes: [Int64] = [
    .max, .min, .min + 1, -1 << 31, 1 << 31, (1 << 31) - 1, 1 << 32, 1 << 33, 1 << 40, 1 << 62, 255, 256, 32767, 65535,
    65536, 1 << 20, 1 << 24, 1000, 100, 64, 63, 33, 17,
  ]

  private mutating func integer(near old: UInt64, in type: MessageSchema.FieldType) -> UInt64 {
    switch type.name {
    // Kinds of elements, of attributes and of inputs.
    case "data_type", "elem_type", "type", "kind", "key_type": if !random.isTrue(oneIn: 10) { return UInt64(random.below(28)) }
    case "version": if !random.isTrue(oneIn: 10) { return UInt64(random.below(30)) }
    case "mode": return UInt64(random.below(256))
    default: break
    }
    let value: Int64
    switch random.below(10) {
    case 0, 1, 2, 3: value = Int64(random.below(12) - 3)
    case 4, 5: value = Int64(bitPattern: old) &+ Int64(random.below(5) - 2)
    case 6: value = 0 &- Int64(bitPattern: old)
    case 7: value = Int64(bitPattern: old) &* Int64(1 + random.below(4))
    case 8: value = Self.extremes[random.below(Self.extremes.count)]
    default: value = Int64(bitPattern: random.next())
    }
    return UInt64(bitPattern: value)
  }

  private mutating func float() -> Float {
    [
      0, -0.0, 1, -1, 0.5, 2, 3.7, -0.01, 1e-40, 1e30, -1e30, .nan, .infinity, -.infinity, 65504, 1e-7,
      .greatestFiniteMagnitude, 1000,
    ][random.below(18)]
  }

  private static let words = [
    "", "weights.bin", "../weights.bin", "/etc/passwd", "link", "folder", "folder/../weights.bin", "offset", "length",
    "ij,jk->ik", "...ij->...ji", "bij,bij->", "i->iiiiiiii", ",,,", "->", "linear", "cubic", "nearest", "reflect",
    "SAME_UPPER", "SAME_LOWER", "VALID", "reverse", "bidirectional", "add", "mul", "max", "ai.onnx", "ai.onnx.ml",
    "com.microsoft", "ai.onnx.preview.training", "(a*)*b", "[", "\u{0}", "\u{1F600}e\u{301}",
  ]

  private mutating func text(_ names: Names, _ old: [UInt8], _ type: MessageSchema.FieldType) -> [UInt8] {
    switch random.below(12) {
    case 0, 1, 2, 3, 4, 5:
      let known = type.name == "input" || type.name == "output" || type.name == "name" ? names.values : names.all
      return random.pick(known) ?? old
    case 6: return fresh()
    case 7: return random.pick(donors.operators) ?? old
    case 8: return random.pick(donors.texts) ?? old
    case 9: return mutatedBytes(old, limit: 1 << 16)
    case 10: return Array(repeatElement(old, count: 1 + random.below(20)).joined())
    default: return Array(Self.words[random.below(Self.words.count)].utf8)
    }
  }

  /// Other contents of a tensor: numbers at the edge of their type, more of them, or fewer.
  private mutating func contents(_ old: [UInt8]) -> [UInt8] {
    var bytes = old
    switch random.below(8) {
    case 0: bytes = Array(bytes.prefix(random.below(bytes.count + 1)))
    case 1: bytes += bytes.prefix(1 << 16)
    case 2: bytes = [UInt8](repeating: [0, 0xff, 0x7f, 0x80, 1][random.below(5)], count: bytes.count)
    case 3: bytes = mutatedBytes(bytes, limit: 1 << 20)
    default:
      let width = [1, 2, 4, 8, 8, 8][random.below(6)]
      guard bytes.count >= width else { return bytes }
      for _ in 0...random.below(3) {
        let place = random.below(bytes.count / width) * width
        let value =
          width == 4 && random.isTrue(oneIn: 2)
          ? UInt64(float().bitPattern)
          : integer(near: 0, in: MessageSchema.FieldType(number: 0, name: "", kind: .varint))
        for index in 0..<width { bytes[place + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
      }
    }
    return bytes
  }
}

/// The texts of a case, from which mutations take new ones.
struct Names {
  /// Names of values.
  private(set) var values: [[UInt8]] = []
  private(set) var all: [[UInt8]] = []

  init(_ message: Message) {
    var seen: Set<[UInt8]> = []
    message.forEachMessage { message in
      let type = MessageSchema.shared[message.type]
      let isNode = message.type == MessageSchema.node
      for field in message.fields {
        guard case .bytes(let bytes) = field.value, type.field(field.number)?.kind == .text, seen.count < 10_000,
          seen.insert(bytes).inserted
        else { continue }
        all.append(bytes)
        if isNode ? field.number < 3 : type.field(field.number)?.name == "name" { values.append(bytes) }
      }
    }
  }
}
