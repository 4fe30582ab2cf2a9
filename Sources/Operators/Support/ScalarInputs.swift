import GraphIR
import Tensors

extension InferenceContext {
  /// The one integer that input `index` holds, if it is present and known.
  func integer(_ index: Int) throws(OperatorError) -> Int? {
    if has(index), let shape = try shape(index), shape.checkedCount != 1 {
      throw invalid("input \(index) has shape \(shape); it must be one number")
    }
    guard let values = try integers(index) else { return nil }
    return values.first
  }
}

extension KernelContext {
  /// The one integer that input `index` holds; throws when only the run knows it.
  func integer(_ index: Int) throws(OperatorError) -> Int {
    guard let tensor = constant(index) else { throw unsupported("input \(index) is not known before the run") }
    guard let values = tensor.integers, values.count == 1 else {
      throw invalid("input \(index) must be one integer")
    }
    return values[0]
  }
}

extension NodeReader {
  /// The element type that attribute `name` gives by its number, if the attribute is there.
  func dataType(_ name: String, in allowed: Set<DataType>) throws(OperatorError) -> DataType? {
    guard let number = try int(name) else { return nil }
    guard let type = Int32(exactly: number).flatMap(DataType.init(rawValue:)), allowed.contains(type) else {
      throw invalid("attribute “\(name)” is \(number), which is not an element type it may give")
    }
    return type
  }
}

extension DataType {
  /// Integers of whole bytes.
  static let wholeIntegers: Set<DataType> = [.int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64]
  static let numbers = floats.union(wholeIntegers)
}
