import GraphIR
import Tensors

/// Cutting tensors along an axis and joining them again, for operators that decide at run time.
///
/// A tensor is outer × extent × inner; elements of any type move, strings too.
extension EvaluationContext {
  /// The elements `range` along `axis`.
  func slice(_ tensor: Tensor, axis: Int, _ range: Range<Int>) throws(OperatorError) -> Tensor {
    var shape = tensor.shape
    shape.dims[axis] = range.count
    let outer = tensor.shape.count(0..<axis), inner = tensor.shape.count((axis + 1)..<tensor.shape.rank)
    let extent = tensor.shape[axis]
    if tensor.dataType == .string {
      let strings = (0..<outer).flatMap { row in
        tensor.strings[((row * extent + range.lowerBound) * inner)..<((row * extent + range.upperBound) * inner)]
      }
      return try makeTensor(strings: strings, shape)
    }
    let width = try movableByteCount(tensor.dataType)
    let result = try makeTensor(tensor.dataType, shape, isZeroed: false)
    let byteCount = range.count * inner * width
    guard byteCount > 0 else { return result }
    for row in 0..<outer {
      (result.buffer.base + row * byteCount)
        .copyMemory(from: tensor.baseAddress + (row * extent + range.lowerBound) * inner * width, byteCount: byteCount)
    }
    withExtendedLifetime(tensor) {}
    return result
  }

  /// The tensors behind each other along `axis`; their other extents and types must agree.
  ///
  /// - Precondition: there is at least one, and `axis` is one of its axes.
  func joined(_ tensors: [Tensor], axis: Int) throws(OperatorError) -> Tensor {
    var shape = tensors[0].shape
    shape.dims[axis] = 0
    for tensor in tensors {
      var others = tensor.shape
      guard others.rank == shape.rank, tensor.dataType == tensors[0].dataType else {
        throw invalid("cannot join \(tensor.dataType)\(others) to \(tensors[0].dataType)\(tensors[0].shape)")
      }
      others.dims[axis] = shape[axis]
      guard others == shape else { throw invalid("cannot join \(tensor.shape) to \(tensors[0].shape) along axis \(axis)") }
      let (extent, overflow) = shape[axis].addingReportingOverflow(tensor.shape[axis])
      guard !overflow else { throw tooLarge("the joined tensor") }
      shape.dims[axis] = extent
    }
    let outer = shape.count(0..<axis), inner = shape.count((axis + 1)..<shape.rank)
    if shape.dims.contains(0) { return try makeTensor(tensors[0].dataType, shape) }
    if tensors[0].dataType == .string {
      var strings: [String] = []
      for row in 0..<outer {
        for tensor in tensors {
          let count = tensor.shape[axis] * inner
          strings += tensor.strings[(row * count)..<((row + 1) * count)]
        }
      }
      return try makeTensor(strings: strings, shape)
    }
    let width = try movableByteCount(tensors[0].dataType)
    let result = try makeTensor(tensors[0].dataType, shape, isZeroed: false)
    var position = 0
    for row in 0..<outer {
      for tensor in tensors {
        let byteCount = tensor.shape[axis] * inner * width
        guard byteCount > 0 else { continue }
        (result.buffer.base + position).copyMemory(from: tensor.baseAddress + row * byteCount, byteCount: byteCount)
        position += byteCount
      }
    }
    withExtendedLifetime(tensors) {}
    return result
  }
}
