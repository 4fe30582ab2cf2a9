import COnnx

/// What the fields of protobuf messages hold: ONNX's, from the descriptors in the generated code, and those of a `Case`.
struct MessageSchema: Sendable {
  /// How a field's values are kept in a `Message`.
  enum FieldKind: Equatable, Sendable {
    case varint
    /// A number of 4 bytes, or of 8.
    case fixed32, fixed64
    case text, bytes
    /// A message of that type.
    case message(Int)
  }

  struct FieldType: Sendable {
    var number: Int
    var name: String
    var kind: FieldKind
  }

  struct MessageType: Sendable {
    var name: String
    var fields: [FieldType]

    func field(_ number: Int) -> FieldType? { fields.first { $0.number == number } }
  }

  let types: [MessageType]

  static let shared = MessageSchema()
  /// The types that mutations know by name.
  static let `case` = shared.index("Case")
  static let model = shared.index("ModelProto")
  static let graph = shared.index("GraphProto")
  static let node = shared.index("NodeProto")
  static let input = shared.index("Input")
  static let tensor = shared.index("TensorProto")

  subscript(type: Int) -> MessageType { types[type] }

  private func index(_ name: String) -> Int { types.firstIndex { $0.name == name }! }

  private init() {
    var types: [MessageType] = []
    let root = vz_onnx_model_descriptor()!
    var found = [root]
    var indices = [root: 0]
    while types.count < found.count {
      let descriptor = found[types.count].pointee
      var fields: [FieldType] = []
      for field in UnsafeBufferPointer(start: descriptor.fields, count: Int(descriptor.n_fields)) {
        let kind: FieldKind
        switch field.type {
        case PROTOBUF_C_TYPE_STRING: kind = .text
        case PROTOBUF_C_TYPE_BYTES: kind = .bytes
        case PROTOBUF_C_TYPE_FLOAT: kind = .fixed32
        case PROTOBUF_C_TYPE_DOUBLE: kind = .fixed64
        case PROTOBUF_C_TYPE_MESSAGE:
          let child = field.descriptor.assumingMemoryBound(to: ProtobufCMessageDescriptor.self)
          if indices[child] == nil {
            indices[child] = found.count
            found.append(child)
          }
          kind = .message(indices[child]!)
        default: kind = .varint
        }
        fields.append(FieldType(number: Int(field.id), name: String(cString: field.name), kind: kind))
      }
      types.append(MessageType(name: String(cString: descriptor.short_name), fields: fields))
    }
    let tensor = types.firstIndex { $0.name == "TensorProto" }!
    // See Case.swift, which gives these fields their meaning.
    types.append(
      MessageType(
        name: "Input",
        fields: [
          FieldType(number: 1, name: "kind", kind: .varint),
          FieldType(number: 2, name: "tensor", kind: .message(tensor)),
        ]))
    types.append(
      MessageType(
        name: "Case",
        fields: [
          FieldType(number: 1, name: "model", kind: .message(0)),
          FieldType(number: 2, name: "input", kind: .message(types.count - 1)),
          FieldType(number: 3, name: "mode", kind: .varint),
        ]))
    self.types = types
  }
}
