/// A dense, row-major array of one element type.
///
/// A value: copies share their bytes until one of them is written. Strings are kept beside the buffer, because they
/// have no fixed size.
public struct Tensor: Sendable {
  public let dataType: DataType
  public let shape: Shape
  public private(set) var buffer: TensorBuffer
  public private(set) var byteOffset: Int
  /// The elements of a string tensor; empty for every other type.
  public private(set) var strings: [String]

  /// A tensor of zeros.
  ///
  /// - Precondition: the byte count of `shape` fits in `Int` and in the caller's budget.
  public init(_ dataType: DataType, _ shape: Shape) {
    self.dataType = dataType
    self.shape = shape
    buffer = TensorBuffer(byteCount: dataType.byteCount(of: shape.count)!)
    byteOffset = 0
    strings = dataType == .string ? [String](repeating: "", count: shape.count) : []
  }

  /// A tensor over `buffer`, whose bytes from `byteOffset` on hold the elements, packed.
  ///
  /// - Precondition: the buffer is long enough.
  public init(_ dataType: DataType, _ shape: Shape, buffer: TensorBuffer, byteOffset: Int = 0) {
    precondition(byteOffset >= 0 && byteOffset + dataType.byteCount(of: shape.count)! <= buffer.byteCount)
    self.dataType = dataType
    self.shape = shape
    self.buffer = buffer
    self.byteOffset = byteOffset
    strings = []
  }

  /// A tensor holding `elements` in row-major order; its shape is `[elements.count]` unless one is given.
  public init<Element: TensorElement>(_ elements: [Element], shape: Shape? = nil) {
    let shape = shape ?? [elements.count]
    precondition(shape.count == elements.count, "\(elements.count) elements do not fill a tensor of shape \(shape)")
    self.init(Element.dataType, shape)
    elements.withUnsafeBytes { source in
      UnsafeMutableRawBufferPointer(start: buffer.base, count: source.count).copyMemory(from: source)
    }
  }

  /// - Parameter buffer: what accounts for the memory that the strings take; empty.
  public init(strings: [String], shape: Shape? = nil, buffer: TensorBuffer? = nil) {
    let shape = shape ?? [strings.count]
    precondition(shape.count == strings.count)
    dataType = .string
    self.shape = shape
    self.buffer = buffer ?? TensorBuffer(byteCount: 0)
    byteOffset = 0
    self.strings = strings
  }

  /// A tensor of shape `[]`.
  public init<Element: TensorElement>(scalar: Element) { self.init([scalar], shape: []) }

  public var count: Int { shape.count }
  public var byteCount: Int { dataType.byteCount(of: count)! }

  /// The same elements under another shape of the same count.
  public func reshaped(_ shape: Shape) -> Tensor {
    precondition(shape.count == count)
    if dataType == .string { return Tensor(strings: strings, shape: shape, buffer: buffer) }
    return Tensor(dataType, shape, buffer: buffer, byteOffset: byteOffset)
  }

  public var baseAddress: UnsafeRawPointer { UnsafeRawPointer(buffer.base + byteOffset) }

  public func withUnsafeBytes<Result, E: Error>(
    _ body: (UnsafeRawBufferPointer) throws(E) -> Result
  ) throws(E) -> Result {
    let result = try body(UnsafeRawBufferPointer(start: baseAddress, count: byteCount))
    extendLife()
    return result
  }

  /// Calls `body` with the bytes, which nobody else sees change.
  public mutating func withUnsafeMutableBytes<Result, E: Error>(
    _ body: (UnsafeMutableRawBufferPointer) throws(E) -> Result
  ) throws(E) -> Result {
    if !isKnownUniquelyReferenced(&buffer) || !buffer.isWritable { copyBytes() }
    let result = try body(UnsafeMutableRawBufferPointer(start: buffer.base + byteOffset, count: byteCount))
    extendLife()
    return result
  }

  private mutating func copyBytes() {
    let copy = TensorBuffer(byteCount: byteCount)
    copy.base.copyMemory(from: baseAddress, byteCount: byteCount)
    buffer = copy
    byteOffset = 0
  }

  private func extendLife() { withExtendedLifetime(buffer) {} }

  /// The elements in row-major order.
  ///
  /// - Precondition: `Element` is the tensor's element type.
  public func elements<Element: TensorElement>(as _: Element.Type = Element.self) -> [Element] {
    precondition(Element.dataType == dataType, "the tensor holds \(dataType), not \(Element.dataType)")
    let count = self.count
    return withUnsafeBytes { bytes in
      [Element](unsafeUninitializedCapacity: count) { target, filled in
        UnsafeMutableRawBufferPointer(target).copyMemory(
          from: UnsafeRawBufferPointer(start: bytes.baseAddress, count: count * MemoryLayout<Element>.stride))
        filled = count
      }
    }
  }

  /// The elements of an integer or bool tensor widened to `Int`; nil for other types.
  public var integers: [Int]? {
    switch dataType {
    case .int64: elements(as: Int64.self).map(Int.init)
    case .int32: elements(as: Int32.self).map(Int.init)
    case .int16: elements(as: Int16.self).map(Int.init)
    case .int8: elements(as: Int8.self).map(Int.init)
    case .uint8: elements(as: UInt8.self).map(Int.init)
    case .uint16: elements(as: UInt16.self).map(Int.init)
    case .uint32: elements(as: UInt32.self).map(Int.init)
    case .bool: elements(as: UInt8Bool.self).map { $0.value == 0 ? 0 : 1 }
    default: nil
    }
  }

  /// True when the bytes start where `alignment` (a power of two) wants them.
  public func isAligned(to alignment: Int) -> Bool { Int(bitPattern: baseAddress) & (alignment - 1) == 0 }
}

/// One byte read as a truth value; unlike `Bool`, any byte is valid.
private struct UInt8Bool: TensorElement {
  var value: UInt8
  static var dataType: DataType { .bool }
}
