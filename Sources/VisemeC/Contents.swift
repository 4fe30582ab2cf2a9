import CViseme
import Compiler
import GraphIR
import Viseme

/// The object behind a `viseme_value`.
final class ValueHandle {
  let value: RuntimeValue
  /// What `viseme_tensor_describe` points to.
  let dims: UnsafeMutablePointer<Int64>
  /// What `viseme_tensor_string` points to, made when first asked for.
  private var texts: [Int: CString] = [:]

  init(_ value: RuntimeValue) {
    self.value = value
    var extents: [Int] = []
    if case .tensor(let tensor) = value { extents = tensor.shape.dims }
    dims = .allocate(capacity: max(extents.count, 1))
    for (axis, extent) in extents.enumerated() { (dims + axis).initialize(to: Int64(extent)) }
  }

  deinit { dims.deallocate() }

  func tensor(_ argument: String) throws(Failure) -> Tensor {
    guard case .tensor(let tensor) = value else { throw .argument("\(argument) is not a tensor") }
    return tensor
  }

  /// The elements of a sequence or optional; none for a tensor.
  var elements: [RuntimeValue] {
    switch value {
    case .tensor: []
    case .sequence(let elements, _): elements
    case .optional(let element, _): element.map { [$0] } ?? []
    }
  }

  func text(_ index: Int, of tensor: Tensor) -> CString {
    if let known = texts[index] { return known }
    let text = CString(tensor.strings[index])
    texts[index] = text
    return text
  }
}

/// The element type of that number.
func elementType(_ number: Int32) throws(Failure) -> DataType {
  guard let type = DataType(rawValue: number) else {
    throw .argument("there is no element type \(number); see viseme_element_type in viseme.h")
  }
  return type
}

/// The type of tensors of that element type, which may be undefined.
func tensorType(_ number: Int32) throws(Failure) -> ValueType {
  .tensor(TensorType(number == VISEME_UNDEFINED ? nil : try elementType(number), nil as [Dimension]?))
}

/// The shape with these extents, whose elements and bytes can be counted.
func shape(_ rank: Int, _ dims: UnsafePointer<Int64>?, of type: DataType) throws(Failure) -> Shape {
  guard rank >= 0, rank <= 64 else { throw .argument("a tensor of rank \(rank) is beyond what Viseme takes (64)") }
  guard rank == 0 || dims != nil else { throw .argument("dims is null") }
  let shape = Shape((0..<rank).map { Int(dims![$0]) })
  guard let count = shape.checkedCount, type.byteCount(of: count) != nil else {
    throw .argument("no tensor can have the shape \(shape)")
  }
  return shape
}

/// Refuses tensors beyond the machine's memory, before anything of their size is allocated.
func checkMemory(_ shape: Shape, of type: DataType) throws(Failure) {
  // A string takes at least what Swift keeps of it inline.
  let bits = type == .string ? 8 * MemoryLayout<String>.stride : type.bitWidth
  let (product, overflow) = shape.count.multipliedReportingOverflow(by: bits)
  guard !overflow, product / 8 <= CompileOptions.defaultMemoryLimit else {
    throw .memory("a tensor of \(type) elements and shape \(shape) is above the memory limit")
  }
}
