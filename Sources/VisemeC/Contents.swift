import CViseme
import Compiler
import Viseme

/// What a `viseme_value` is.
enum Contents {
  case tensor(Tensor)
  /// The element type is that of the tensors inside, if it is known.
  indirect case sequence([ValueHandle], DataType?)
  indirect case optional(ValueHandle?, kind: Int32, DataType?)
}

/// The object behind a `viseme_value`.
final class ValueHandle {
  let contents: Contents
  /// What `viseme_tensor_describe` points to.
  let dims: UnsafeMutablePointer<Int64>
  /// What `viseme_tensor_string` points to, made when first asked for.
  private var texts: [Int: CString] = [:]

  init(_ contents: Contents) {
    self.contents = contents
    var extents: [Int] = []
    if case .tensor(let tensor) = contents { extents = tensor.shape.dims }
    dims = .allocate(capacity: max(extents.count, 1))
    for (axis, extent) in extents.enumerated() { (dims + axis).initialize(to: Int64(extent)) }
  }

  deinit { dims.deallocate() }

  func tensor(_ argument: String) throws(Failure) -> Tensor {
    guard case .tensor(let tensor) = contents else { throw .argument("\(argument) is not a tensor") }
    return tensor
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
