import GraphIR
import Tensors

extension Tensor {
  /// A dense row-major copy of `operand`'s elements at `source`; nil where elements have no bytes of their own.
  init?(copying source: UnsafeRawPointer, laidOutAs operand: Operand) {
    guard operand.dataType != .string else { return nil }
    let tensor = Tensor(operand.dataType, operand.shape)
    guard operand.layout.isChannelsLast else {
      tensor.buffer.base.copyMemory(from: source, byteCount: tensor.byteCount)
      self = tensor
      return
    }
    guard let width = operand.dataType.elementByteCount else { return nil }
    let from = operand.strides, shape = operand.shape.dims
    var index = [Int](repeating: 0, count: shape.count)
    var position = 0
    for element in 0..<tensor.count {
      (tensor.buffer.base + element * width).copyMemory(from: source + position * width, byteCount: width)
      for axis in shape.indices.reversed() {
        index[axis] += 1
        position += from[axis]
        guard index[axis] == shape[axis] else { break }
        position -= from[axis] * shape[axis]
        index[axis] = 0
      }
    }
    self = tensor
  }
}
