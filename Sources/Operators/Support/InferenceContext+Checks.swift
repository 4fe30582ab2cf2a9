import GraphIR
import Tensors

extension InferenceContext {
  /// The type of an output; throws when its extents are known and its elements are more than memory can hold.
  func outputType(_ dataType: DataType?, _ dims: [Dimension]?) throws(OperatorError) -> ValueType {
    let type = TensorType(dataType, dims)
    if let shape = type.shape {
      // Empty outputs as well: products of some of their extents are taken later.
      guard shape.dims.allSatisfy({ $0 >= 0 }), let count = Shape(shape.dims.map { max($0, 1) }).checkedCount,
        count <= 1 << 44
      else { throw OperatorError(.tooLarge, node: node.label, "an output of shape \(shape) is too large") }
    }
    return .tensor(type)
  }

  /// The element type of input `index`; throws when it is known and not one of `allowed`.
  func elementType(_ index: Int, in allowed: Set<DataType>) throws(OperatorError) -> DataType? {
    guard let type = try tensor(index).dataType else { return nil }
    guard allowed.contains(type) else {
      let names = allowed.sorted { $0.rawValue < $1.rawValue }.map(\.description).joined(separator: ", ")
      throw invalid("input \(index) holds \(type); allowed are \(names)")
    }
    return type
  }

  /// Throws when inputs have different element types.
  func expectSameElementType(_ indices: Int...) throws(OperatorError) {
    var first: (index: Int, type: DataType)?
    for index in indices where has(index) {
      guard let type = try tensor(index).dataType else { continue }
      if let first, first.type != type {
        throw invalid("input \(index) holds \(type), but input \(first.index) holds \(first.type)")
      }
      first = first ?? (index, type)
    }
  }

  /// The extents of input `index` if its rank is known; throws when the rank is outside `ranks`.
  func dims(_ index: Int, rank ranks: ClosedRange<Int>) throws(OperatorError) -> [Dimension]? {
    guard let dims = try tensor(index).dims else { return nil }
    guard ranks.contains(dims.count) else {
      let wanted = ranks.count == 1 ? "\(ranks.lowerBound)" : "\(ranks.lowerBound) to \(ranks.upperBound)"
      throw invalid("input \(index) has shape \(TensorType(nil, dims).extents); its rank must be \(wanted)")
    }
    return dims
  }

  /// Throws when input `index` is present and its shape is known not to be `[count]`.
  func expectVector(_ index: Int, count: Dimension?) throws(OperatorError) {
    guard has(index), let dims = try dims(index, rank: 1...1) else { return }
    if let actual = dims[0].value, let wanted = count?.value, actual != wanted {
      throw invalid("input \(index) has \(actual) elements instead of \(wanted)")
    }
  }
}

extension TensorType {
  /// The extents in brackets, for messages.
  var extents: String { dims.map { "[" + $0.map(\.description).joined(separator: ",") + "]" } ?? "[...]" }
}

extension DataType {
  static let floats: Set<DataType> = [.float32, .float64, .float16, .bfloat16]
}

extension KernelContext {
  /// Throws unless every listed input that is present holds float32.
  func expectFloat32(_ indices: Int...) throws(OperatorError) {
    for index in indices where has(index) {
      let type = try input(index).dataType
      guard type == .float32 else { throw unsupported("\(node.operatorName) of \(type) is not implemented") }
    }
  }
}
