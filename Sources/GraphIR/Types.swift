import Tensors

/// One extent of a value: a number, a name that stands for the same number wherever it occurs, or nothing known.
public enum Dimension: Hashable, Sendable {
  case fixed(Int)
  case symbol(String)
  case unknown

  public var value: Int? {
    guard case .fixed(let value) = self else { return nil }
    return value
  }

  /// Whether the two can be the same number: they differ only if both are known.
  public func mayEqual(_ other: Dimension) -> Bool {
    guard let value, let otherValue = other.value else { return true }
    return value == otherValue
  }
}

extension Dimension: ExpressibleByIntegerLiteral, CustomStringConvertible {
  public init(integerLiteral value: Int) { self = .fixed(value) }

  public var description: String {
    switch self {
    case .fixed(let value): String(value)
    case .symbol(let name): name
    case .unknown: "?"
    }
  }
}

/// What is known of a tensor before it exists: element type, and extents if its rank is known.
public struct TensorType: Hashable, Sendable {
  public var dataType: DataType?
  public var dims: [Dimension]?

  public init(_ dataType: DataType?, _ dims: [Dimension]?) {
    self.dataType = dataType
    self.dims = dims
  }

  public init(_ dataType: DataType?, _ shape: Shape) {
    self.init(dataType, shape.dims.map(Dimension.fixed))
  }

  /// The shape, when every extent is a number.
  public var shape: Shape? {
    guard let dims else { return nil }
    var extents: [Int] = []
    extents.reserveCapacity(dims.count)
    for dim in dims {
      guard let value = dim.value else { return nil }
      extents.append(value)
    }
    return Shape(extents)
  }
}

extension TensorType: CustomStringConvertible {
  public var description: String {
    let extents = dims.map { "[" + $0.map(\.description).joined(separator: ",") + "]" } ?? "[...]"
    return (dataType?.description ?? "?") + extents
  }
}

/// What is known of a value: a tensor, or one of ONNX's containers.
public indirect enum ValueType: Hashable, Sendable {
  case tensor(TensorType)
  case sequence(ValueType)
  case optional(ValueType)
  case unknown

  public var tensor: TensorType? {
    guard case .tensor(let type) = self else { return nil }
    return type
  }
}

extension ValueType: CustomStringConvertible {
  public var description: String {
    switch self {
    case .tensor(let type): type.description
    case .sequence(let element): "sequence of \(element)"
    case .optional(let element): "optional \(element)"
    case .unknown: "?"
    }
  }
}
