import Tensors

extension MessageWriter {
  /// A `TensorProto` with its data inside.
  static func tensor(_ tensor: Tensor, name: String) -> MessageWriter {
    var message = tensorHeader(tensor, name: name)
    if tensor.dataType != .string { message.tensorBytes(9, tensor) }
    return message
  }

  /// A `TensorProto` without its data; strings have no other place and are inside.
  static func tensorHeader(_ tensor: Tensor, name: String) -> MessageWriter {
    var message = MessageWriter()
    for extent in tensor.shape.dims { message.int(1, extent) }
    message.int(2, Int(tensor.dataType.rawValue))
    if tensor.dataType == .string { for text in tensor.strings { message.data(6, Array(text.utf8)) } }
    if !name.isEmpty { message.string(8, name) }
    return message
  }
}
