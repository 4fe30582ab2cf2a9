import Tensors

/// An encoded message whose tensors' bytes are added only when it is written.
struct MessageWriter {
  private(set) var bytes: [UInt8] = []
  /// Tensors by the position in `bytes` before which their bytes belong.
  private(set) var payloads: [(position: Int, tensor: Tensor)] = []
  private var payloadByteCount = 0

  /// The length of the message as it will be written.
  var byteCount: Int { bytes.count + payloadByteCount }

  mutating func int(_ field: Int, _ value: Int) {
    tag(field, .varint)
    varint(UInt64(bitPattern: Int64(value)))
  }

  mutating func float(_ field: Int, _ value: Float) {
    tag(field, .fixed32)
    withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes += $0 }
  }

  mutating func string(_ field: Int, _ text: String) {
    tag(field, .lengthDelimited)
    varint(UInt64(text.utf8.count))
    bytes += text.utf8
  }

  mutating func data(_ field: Int, _ content: [UInt8]) {
    tag(field, .lengthDelimited)
    varint(UInt64(content.count))
    bytes += content
  }

  mutating func message(_ field: Int, _ content: MessageWriter) {
    tag(field, .lengthDelimited)
    varint(UInt64(content.byteCount))
    for payload in content.payloads { payloads.append((bytes.count + payload.position, payload.tensor)) }
    payloadByteCount += content.payloadByteCount
    bytes += content.bytes
  }

  mutating func tensorBytes(_ field: Int, _ tensor: Tensor) {
    tag(field, .lengthDelimited)
    varint(UInt64(tensor.byteCount))
    payloads.append((bytes.count, tensor))
    payloadByteCount += tensor.byteCount
  }

  private mutating func tag(_ field: Int, _ type: WireType) { varint(UInt64(field << 3) | UInt64(type.rawValue)) }

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}
