import COnnx
import GraphIR
import Tensors

/// What a type message says; `.unknown` for maps, sparse tensors and opaque types.
///
/// The scanner has limited how deep types nest.
func valueType(_ proto: UnsafePointer<Onnx__TypeProto>?) -> ValueType {
  guard let proto = proto?.pointee else { return .unknown }
  switch proto.value_case {
  case ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE:
    guard let tensor = proto.tensor_type else { return .unknown }
    let dims = dimensions(tensor.pointee.shape)
    // Extents that no memory holds say nothing that can be relied on; whoever computes the value finds out more.
    guard dims?.isCountable ?? true else { return .tensor(TensorType(DataType(rawValue: tensor.pointee.elem_type), nil)) }
    return .tensor(TensorType(DataType(rawValue: tensor.pointee.elem_type), dims))
  case ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE:
    return .sequence(valueType(proto.sequence_type?.pointee.elem_type))
  case ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE:
    return .optional(valueType(proto.optional_type?.pointee.elem_type))
  default: return .unknown
  }
}

private func dimensions(_ shape: UnsafePointer<Onnx__TensorShapeProto>?) -> [Dimension]? {
  guard let shape = shape?.pointee else { return nil }
  return UnsafeBufferPointer(start: shape.dim, count: shape.n_dim).map { dim in
    guard let dim = dim?.pointee else { return .unknown }
    switch dim.value_case {
    case ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE:
      // Exporters write -1 for an extent they do not know.
      return dim.dim_value < 0 ? .unknown : .fixed(Int(dim.dim_value))
    case ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM:
      return string(dim.dim_param).map(extent) ?? .unknown
    default: return .unknown
    }
  }
}

extension [Dimension] {
  /// Whether the known extents make a number of elements and bytes that can be said.
  fileprivate var isCountable: Bool {
    var count = 16
    for case .fixed(let extent) in self where extent != 0 {
      let (product, overflow) = count.multipliedReportingOverflow(by: extent)
      guard !overflow else { return false }
      count = product
    }
    return true
  }
}

/// The extent of a name. Names such as “?”, “-1” and “None” stand for nothing known: converters give them to extents
/// that have nothing to do with each other.
private func extent(_ name: String) -> Dimension {
  name == "None" || !name.unicodeScalars.contains { $0.properties.isAlphabetic } ? .unknown : .symbol(name)
}
