import GraphIR
import Viseme

/// Sees to it that results share memory with nothing: neither with inputs, which the caller may free, nor with a model's
/// file, which must not be written, nor with each other.
struct Ownership {
  private var taken: Set<ObjectIdentifier>

  init(inputs: [RuntimeValue]) { taken = Set(inputs.flatMap(\.tensors).map { ObjectIdentifier($0.buffer) }) }

  /// The value, copied where it shares memory.
  mutating func owned(_ value: RuntimeValue) -> RuntimeValue {
    switch value {
    case .tensor(let tensor): return .tensor(owned(tensor))
    case .sequence(let elements, let type):
      var copies: [RuntimeValue] = []
      copies.reserveCapacity(elements.count)
      for element in elements { copies.append(owned(element)) }
      return .sequence(copies, of: type)
    case .optional(let element, let type):
      guard let element else { return value }
      return .optional(owned(element), of: type)
    }
  }

  private mutating func owned(_ tensor: Tensor) -> Tensor {
    guard tensor.dataType != .string else { return tensor }
    if tensor.buffer.isWritable, taken.insert(ObjectIdentifier(tensor.buffer)).inserted { return tensor }
    let copy = TensorBuffer(byteCount: tensor.byteCount, isZeroed: false)
    tensor.withUnsafeBytes { bytes in copy.base.copyMemory(from: bytes.baseAddress!, byteCount: bytes.count) }
    return Tensor(tensor.dataType, tensor.shape, buffer: copy)
  }
}

extension RuntimeValue {
  /// Every tensor inside.
  var tensors: [Tensor] {
    switch self {
    case .tensor(let tensor): [tensor]
    case .sequence(let elements, _): elements.flatMap(\.tensors)
    case .optional(let element, _): element?.tensors ?? []
    }
  }
}
