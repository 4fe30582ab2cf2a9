import Tensors

/// What stands before the elements of an array in NumPy's format: type, shape and order.
package struct NumPyHeader {
  package var descriptor: String
  package var isFortranOrder: Bool
  package var shape: Shape
  /// Bytes from the start of the file to the first element.
  package var byteCount: Int

  package static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
  private static let byteLimit = 1 << 16

  /// Why an array cannot be read, as the rest of a sentence that starts with the file's name.
  package struct Fault: Error {
    var reason: String
    init(_ reason: String) { self.reason = reason }
  }

  package init(_ bytes: UnsafeRawBufferPointer) throws(Fault) {
    guard bytes.count >= 10, bytes.starts(with: Self.magic) else { throw Fault("is not a NumPy array (.npy)") }
    let version = bytes[6]
    guard (1...3).contains(version) else { throw Fault("is a NumPy array of the unknown format version \(version)") }
    let start = version == 1 ? 10 : 12
    guard bytes.count >= start else { throw Fault("ends within its header") }
    var length = Int(bytes[8]) | Int(bytes[9]) << 8
    if version > 1 { length |= Int(bytes[10]) << 16 | Int(bytes[11]) << 24 }
    guard length <= Self.byteLimit, start + length <= bytes.count else { throw Fault("ends within its header") }
    var parser = LiteralParser(String(decoding: bytes[start..<start + length], as: UTF8.self))
    guard case .dictionary(let entries)? = parser.value(), case .text(let descriptor)? = entries["descr"],
      case .truth(let isFortranOrder)? = entries["fortran_order"], case .numbers(let dims)? = entries["shape"]
    else { throw Fault("has a header that does not name a plain element type, an order and a shape") }
    self.descriptor = descriptor
    self.isFortranOrder = isFortranOrder
    shape = Shape(dims)
    byteCount = start + length
  }

  /// The first bytes of an array of this type and shape, padded as NumPy pads.
  package static func encode(descriptor: String, shape: Shape) -> [UInt8] {
    let extents = shape.dims.map(String.init).joined(separator: ", ") + (shape.rank == 1 ? "," : "")
    let text = "{'descr': '\(descriptor)', 'fortran_order': False, 'shape': (\(extents)), }"
    let padding = (64 - (10 + text.utf8.count + 1) % 64) % 64
    let header = Array(text.utf8) + [UInt8](repeating: 0x20, count: padding) + [0x0a]
    return magic + [1, 0, UInt8(header.count & 0xff), UInt8(header.count >> 8)] + header
  }
}

/// Reads the few Python literals that occur in headers: a dictionary of strings, truth values and tuples of numbers.
private struct LiteralParser {
  package enum Value {
    case text(String)
    case truth(Bool)
    case numbers([Int])
    indirect case dictionary([String: Value])
  }

  private let characters: [Character]
  private var position = 0

  package init(_ text: String) { characters = Array(text) }

  private mutating func skipBlanks() {
    while position < characters.count, characters[position].isWhitespace { position += 1 }
  }

  private mutating func take(_ character: Character) -> Bool {
    skipBlanks()
    guard position < characters.count, characters[position] == character else { return false }
    position += 1
    return true
  }

  private mutating func takeWord(_ isPart: (Character) -> Bool) -> String {
    skipBlanks()
    let start = position
    while position < characters.count, isPart(characters[position]) { position += 1 }
    return String(characters[start..<position])
  }

  package mutating func value() -> Value? {
    if take("{") { return dictionary() }
    if take("(") { return numbers() }
    if let text = text() { return .text(text) }
    switch takeWord(\.isLetter) {
    case "True": return .truth(true)
    case "False": return .truth(false)
    default: return nil
    }
  }

  private mutating func text() -> String? {
    for quote in ["'", "\""] as [Character] where take(quote) {
      let start = position
      while position < characters.count, characters[position] != quote { position += 1 }
      guard position < characters.count else { return nil }
      position += 1
      return String(characters[start..<position - 1])
    }
    return nil
  }

  private mutating func numbers() -> Value? {
    var numbers: [Int] = []
    while !take(")") {
      // Old files write long integers of Python 2: 3L.
      let word = takeWord { $0.isNumber || $0 == "L" }
      guard let number = Int(word.hasSuffix("L") ? String(word.dropLast()) : word), numbers.count < 64 else { return nil }
      numbers.append(number)
      guard take(",") else { return take(")") ? .numbers(numbers) : nil }
    }
    return .numbers(numbers)
  }

  private mutating func dictionary() -> Value? {
    var entries: [String: Value] = [:]
    while !take("}") {
      guard let key = text(), take(":"), let value = plainValue() else { return nil }
      entries[key] = value
      guard take(",") else { return take("}") ? .dictionary(entries) : nil }
    }
    return .dictionary(entries)
  }

  /// A value that is no dictionary, so that nothing nests.
  private mutating func plainValue() -> Value? {
    skipBlanks()
    guard position < characters.count, characters[position] != "{" else { return nil }
    return value()
  }
}
