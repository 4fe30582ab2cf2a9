import COnnx
import GraphIR
import Tensors

extension GraphReader {
  /// The name and value of an attribute of the node or function at `place`.
  func attribute(
    _ proto: Onnx__AttributeProto, place: @autoclosure () -> String
  ) throws(ImportError) -> (String, Attribute) {
    guard let name = string(proto.name) else { throw model.problem(place(), .missingName(of: "an attribute")) }
    if let reference = string(proto.ref_attr_name) { return (name, .reference(reference)) }
    if let value = plainValue(proto) { return (name, value) }
    return (name, try value(proto, place: "\(place()), attribute \(quoted(name))"))
  }

  /// The value, if it is of a kind that cannot be wrong.
  private func plainValue(_ proto: Onnx__AttributeProto) -> Attribute? {
    switch kind(of: proto) {
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT: .float(proto.f)
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT: .int(Int(proto.i))
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING: .string(byteArray(proto.s))
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS:
      .floats(Array(UnsafeBufferPointer(start: proto.floats, count: proto.n_floats)))
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS: .ints(integers(proto.ints, proto.n_ints))
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS:
      .strings(UnsafeBufferPointer(start: proto.strings, count: proto.n_strings).map(byteArray))
    default: nil
    }
  }

  private func value(_ proto: Onnx__AttributeProto, place: String) throws(ImportError) -> Attribute {
    switch kind(of: proto) {
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR:
      guard let tensor = proto.t else { throw missing(place) }
      return .tensor(try model.tensors.tensor(tensor.pointee, place: place))
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH:
      guard let graph = proto.g else { throw missing(place) }
      return .graph(try subgraph(graph.pointee))
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__SPARSE_TENSOR:
      guard let tensor = proto.sparse_tensor else { throw missing(place) }
      return .tensor(try model.tensors.densified(tensor.pointee, place: place))
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TYPE_PROTO:
      guard let type = proto.tp else { throw missing(place) }
      return .type(valueType(type))
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSORS:
      var tensors: [Tensor] = []
      for case let tensor? in UnsafeBufferPointer(start: proto.tensors, count: proto.n_tensors) {
        tensors.append(try model.tensors.tensor(tensor.pointee, place: place))
      }
      return .tensors(tensors)
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPHS:
      var graphs: [Graph] = []
      for case let graph? in UnsafeBufferPointer(start: proto.graphs, count: proto.n_graphs) {
        graphs.append(try subgraph(graph.pointee))
      }
      return .graphs(graphs)
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__SPARSE_TENSORS:
      var tensors: [Tensor] = []
      for case let tensor? in UnsafeBufferPointer(start: proto.sparse_tensors, count: proto.n_sparse_tensors) {
        tensors.append(try model.tensors.densified(tensor.pointee, place: place))
      }
      return .tensors(tensors)
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TYPE_PROTOS:
      throw model.problem(place, .unsupported("a list of types"))
    default:
      throw model.problem(place, .invalidAttribute("it says neither its type nor a value"))
    }
  }

  /// The kind the attribute names, or, where it names none, the kind of the field that is set.
  private func kind(of proto: Onnx__AttributeProto) -> Onnx__AttributeProto__AttributeType {
    if proto.type != ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED { return proto.type }
    if proto.has_f != 0 { return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT }
    if proto.has_i != 0 { return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT }
    if proto.has_s != 0 { return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING }
    if proto.t != nil { return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR }
    if proto.g != nil { return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH }
    if proto.n_floats > 0 { return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS }
    if proto.n_ints > 0 { return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS }
    if proto.n_strings > 0 { return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS }
    if proto.n_tensors > 0 { return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSORS }
    if proto.n_graphs > 0 { return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPHS }
    return proto.type
  }

  private func missing(_ place: String) -> ImportError {
    model.problem(place, .invalidAttribute("its value is missing"))
  }
}
