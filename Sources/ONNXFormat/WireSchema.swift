import COnnx

/// The messages reachable from `ModelProto`, as the scanner needs them: what to do with each field.
///
/// Built from the descriptors in the generated code, so that the schema is written down once.
struct WireSchema: Sendable {
  enum Rule: Sendable {
    /// Unknown, or of no use to a runtime.
    case skip
    case scalar(WireType, isRepeated: Bool)
    case string
    case bytes
    case message(Message, isRepeated: Bool)
  }

  struct Message: Hashable, Sendable {
    var index: Int
  }

  static let shared = WireSchema()

  let model: Message
  let graph: Message
  let node: Message
  let type: Message
  let tensor: Message
  private let rules: [Rule]

  private static let slotsPerMessage = 32

  func rule(_ message: Message, field: Int) -> Rule {
    field < Self.slotsPerMessage ? rules[message.index * Self.slotsPerMessage + field] : .skip
  }

  /// Fields that nothing reads; dropping them keeps stack traces and training graphs out of memory.
  private static let unread: Set<String> = [
    "doc_string", "denotation", "training_info", "quantization_annotation",
  ]

  private init() {
    let root = vz_onnx_model_descriptor()!
    var found = [root]
    var indices = [root: 0]
    var rules: [Rule] = []
    var next = 0
    while next < found.count {
      let isRoot = next == 0
      let descriptor = found[next].pointee
      next += 1
      var slots = [Rule](repeating: .skip, count: Self.slotsPerMessage)
      for field in UnsafeBufferPointer(start: descriptor.fields, count: Int(descriptor.n_fields)) {
        let name = String(cString: field.name)
        let isMetadata = name == "metadata_props" && !isRoot
        if Self.unread.contains(name) || isMetadata { continue }
        let isRepeated = field.label == PROTOBUF_C_LABEL_REPEATED
        let rule: Rule
        switch field.type {
        case PROTOBUF_C_TYPE_STRING: rule = .string
        case PROTOBUF_C_TYPE_BYTES: rule = .bytes
        case PROTOBUF_C_TYPE_FLOAT: rule = .scalar(.fixed32, isRepeated: isRepeated)
        case PROTOBUF_C_TYPE_DOUBLE: rule = .scalar(.fixed64, isRepeated: isRepeated)
        case PROTOBUF_C_TYPE_MESSAGE:
          let child = field.descriptor.assumingMemoryBound(to: ProtobufCMessageDescriptor.self)
          let index = indices[child] ?? found.count
          if index == found.count {
            indices[child] = index
            found.append(child)
          }
          rule = .message(Message(index: index), isRepeated: isRepeated)
        default: rule = .scalar(.varint, isRepeated: isRepeated)
        }
        slots[Int(field.id)] = rule
      }
      rules += slots
    }
    self.rules = rules
    func message(_ name: String) -> Message {
      Message(index: found.firstIndex { String(cString: $0.pointee.short_name) == name }!)
    }
    model = message("ModelProto")
    graph = message("GraphProto")
    node = message("NodeProto")
    type = message("TypeProto")
    tensor = message("TensorProto")
  }
}
