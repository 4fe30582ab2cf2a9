import Tensors

/// How NumPy names element types, and how their bytes become a tensor's.
enum NumPyElements {
  enum Kind: Equatable {
    case plain(DataType)
    /// Text of so many UCS-4 characters.
    case unicode(length: Int)
    /// Text of so many bytes.
    case bytes(length: Int)
  }

  /// The kind that a descriptor such as `<f4` names, and whether its bytes are in the other order.
  static func kind(of descriptor: String) -> (kind: Kind, isSwapped: Bool)? {
    guard let order = descriptor.first, "<>|=".contains(order) else { return nil }
    let code = descriptor.dropFirst()
    if let type = types[String(code)] { return (.plain(type), order == ">") }
    guard let length = Int(code.dropFirst()), (0...1 << 20).contains(length) else { return nil }
    switch code.first {
    case "U": return (.unicode(length: length), order == ">")
    case "S": return (.bytes(length: length), false)
    default: return nil
    }
  }

  /// The descriptor of a type; nil where NumPy has none.
  static func descriptor(of type: DataType) -> String? {
    guard let code = types.first(where: { $0.value == type })?.key else { return nil }
    return (type.elementByteCount == 1 ? "|" : "<") + code
  }

  private static let types: [String: DataType] = [
    "f2": .float16, "f4": .float32, "f8": .float64, "i1": .int8, "i2": .int16, "i4": .int32, "i8": .int64,
    "u1": .uint8, "u2": .uint16, "u4": .uint32, "u8": .uint64, "b1": .bool, "c8": .complex64, "c16": .complex128,
  ]

  /// Bytes of one element in the file.
  static func byteCount(of kind: Kind) -> Int {
    switch kind {
    case .plain(let type): type.elementByteCount ?? 1
    case .unicode(let length): length * 4
    case .bytes(let length): length
    }
  }

  /// The text of one element; NumPy pads with zeros.
  static func text(_ bytes: UnsafeRawBufferPointer, _ kind: Kind, isSwapped: Bool) -> String {
    guard case .unicode(let length) = kind else {
      return String(decoding: bytes[..<(bytes.lastIndex { $0 != 0 }.map { $0 + 1 } ?? 0)], as: UTF8.self)
    }
    var text = String.UnicodeScalarView()
    for index in 0..<length {
      let code = bytes.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self)
      let scalar = Unicode.Scalar(isSwapped ? code.byteSwapped : code) ?? "\u{fffd}"
      text.append(scalar)
    }
    while text.last?.value == 0 { text.removeLast() }
    return String(text)
  }
}
