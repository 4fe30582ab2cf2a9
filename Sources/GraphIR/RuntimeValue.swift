import Tensors

/// What a value of a graph is while the graph runs: a tensor, or one of ONNX's containers.
public indirect enum RuntimeValue: Sendable {
  case tensor(Tensor)
  /// Values that are all of type `of`.
  case sequence([RuntimeValue], of: ValueType)
  /// A value of type `of`, or none.
  case optional(RuntimeValue?, of: ValueType)

  /// The tensor, if the value is one, or an optional that holds one.
  public var tensor: Tensor? {
    switch self {
    case .tensor(let tensor): tensor
    case .sequence: nil
    case .optional(let value, _): value?.tensor
    }
  }

  /// The elements, if the value is a sequence, or an optional that holds one.
  public var sequence: [RuntimeValue]? {
    switch self {
    case .tensor: nil
    case .sequence(let elements, _): elements
    case .optional(let value, _): value?.sequence
    }
  }

  /// The exact type: tensors have their shape. The elements of a sequence need not agree in shape, so it has none.
  public var type: ValueType {
    switch self {
    case .tensor(let tensor): .tensor(TensorType(tensor.dataType, tensor.shape))
    case .sequence(_, let element): .sequence(element)
    case .optional(_, let element): .optional(element)
    }
  }
}

extension ValueType {
  /// The type without the extents of its tensors, as sequences and optionals keep it.
  public var withoutShape: ValueType {
    switch self {
    case .tensor(let type): .tensor(TensorType(type.dataType, nil as [Dimension]?))
    case .sequence(let element): .sequence(element.withoutShape)
    case .optional(let element): .optional(element.withoutShape)
    case .unknown: .unknown
    }
  }
}
