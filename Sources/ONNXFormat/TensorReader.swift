import COnnx
import Files
import Tensors

/// Turns `TensorProto` messages into tensors, over the file's pages where their data stayed there.
final class TensorReader {
  private let bytes: UnsafeRawBufferPointer
  private let owner: AnyObject
  private let payloads: [Skeleton.Payload]
  let path: String
  let limits: ImportLimits
  let external: ExternalData
  private var densifiedByteCount = 0

  /// Data below this size is copied, so that small constants are aligned and keep no page of the file alive.
  private static let borrowThreshold = 4096

  init(
    bytes: UnsafeRawBufferPointer, owner: AnyObject, payloads: [Skeleton.Payload], path: String,
    limits: ImportLimits, external: ExternalData
  ) {
    self.bytes = bytes
    self.owner = owner
    self.payloads = payloads
    self.path = path
    self.limits = limits
    self.external = external
  }

  func tensor(_ proto: Onnx__TensorProto, place: String) throws(ImportError) -> Tensor {
    let (type, shape, byteCount) = try declaration(proto, place: place)
    func fail(_ reason: String) -> ImportError { invalid(place, reason) }

    if proto.segment != nil { throw problem(place, .unsupported("a tensor stored in segments")) }
    if proto.has_data_location != 0, proto.data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL {
      return try externalTensor(proto, type, shape, byteCount, place: place)
    }
    if type == .string { return try strings(proto, shape, place: place) }
    let sources = inlineSources(proto)
    if let marker = string(proto.doc_string) {
      guard let index = Int(marker), payloads.indices.contains(index), sources.isEmpty else {
        throw fail("its data is given twice")
      }
      return try payloadTensor(payloads[index], type, shape, byteCount, place: place)
    }
    guard sources.count <= 1 else { throw fail("its data is given twice") }
    guard let source = sources.first else {
      guard shape.count == 0 else { throw fail("it holds no data for \(shape.count) elements") }
      return Tensor(type, shape)
    }
    return try inlineTensor(proto, source, type, shape, byteCount, place: place)
  }

  /// The dense tensor that a sparse one stands for.
  func densified(_ proto: Onnx__SparseTensorProto, place: String) throws(ImportError) -> Tensor {
    func fail(_ reason: String) -> ImportError { invalid(place, reason) }
    guard let valuesProto = proto.values, let indicesProto = proto.indices else {
      throw fail("a sparse tensor lacks its values or indices")
    }
    let values = try tensor(valuesProto.pointee, place: place)
    let indices = try tensor(indicesProto.pointee, place: place)
    let shape = Shape(integers(proto.dims, proto.n_dims))
    guard let stride = values.dataType.elementByteCount, let count = shape.checkedCount,
      let byteCount = values.dataType.byteCount(of: count)
    else { throw fail("a sparse tensor of this type or shape cannot be expanded") }
    densifiedByteCount += min(byteCount, limits.densifiedByteCount + 1)
    guard densifiedByteCount <= limits.densifiedByteCount else {
      let limit = limits.densifiedByteCount
      throw problem(place, .tooLarge(what: "expanding sparse tensors", byteCount: byteCount, limit: limit))
    }
    guard indices.dataType == .int64, values.shape.rank == 1,
      indices.shape.dims == [values.count] || indices.shape.dims == [values.count, shape.rank]
    else { throw fail("the indices of a sparse tensor do not match its values") }

    let coordinates = indices.elements(as: Int64.self)
    let strides = shape.rowMajorStrides
    var positions: [Int] = []
    positions.reserveCapacity(values.count)
    for entry in 0..<values.count {
      var position = 0
      if indices.shape.rank == 1 {
        position = Int(coordinates[entry])
      } else {
        for axis in 0..<shape.rank {
          let coordinate = Int(coordinates[entry * shape.rank + axis])
          guard (0..<shape[axis]).contains(coordinate) else { throw fail("a sparse tensor's index is out of range") }
          position += coordinate * strides[axis]
        }
      }
      guard (0..<count).contains(position) else { throw fail("a sparse tensor's index is out of range") }
      positions.append(position)
    }
    var dense = Tensor(values.dataType, shape)
    dense.withUnsafeMutableBytes { target in
      values.withUnsafeBytes { source in
        for (entry, position) in positions.enumerated() {
          let element = UnsafeRawBufferPointer(rebasing: source[entry * stride..<(entry + 1) * stride])
          UnsafeMutableRawBufferPointer(rebasing: target[position * stride..<(position + 1) * stride])
            .copyMemory(from: element)
        }
      }
    }
    return dense
  }

  // MARK: What the message declares

  private func declaration(
    _ proto: Onnx__TensorProto, place: String
  ) throws(ImportError) -> (DataType, Shape, byteCount: Int) {
    guard let type = DataType(rawValue: proto.data_type) else {
      throw problem(place, .unsupported("the element type \(proto.data_type)"))
    }
    let shape = Shape(integers(proto.dims, proto.n_dims))
    guard let count = shape.checkedCount, let byteCount = type.byteCount(of: count) else {
      throw invalid(place, "its shape \(oneLine(shape.description, limit: 100)) is impossible")
    }
    // A string costs at least its header, whatever its length.
    let memory = type == .string ? count.multipliedReportingOverflow(by: 16) : (byteCount, false)
    guard !memory.1, memory.0 <= limits.tensorByteCount else {
      throw problem(place, .tooLarge(what: "a tensor", byteCount: memory.0, limit: limits.tensorByteCount))
    }
    return (type, shape, byteCount)
  }

  /// The fields of the message that hold data.
  private func inlineSources(_ proto: Onnx__TensorProto) -> [Int] {
    var fields: [Int] = []
    if proto.raw_data.len > 0 { fields.append(TensorField.rawData) }
    if proto.n_float_data > 0 { fields.append(TensorField.floatData) }
    if proto.n_int32_data > 0 { fields.append(TensorField.int32Data) }
    if proto.n_int64_data > 0 { fields.append(TensorField.int64Data) }
    if proto.n_double_data > 0 { fields.append(TensorField.doubleData) }
    if proto.n_uint64_data > 0 { fields.append(TensorField.uint64Data) }
    return fields
  }

  private func checkField(_ field: Int, fits type: DataType, place: String) throws(ImportError) {
    guard field == TensorField.rawData || field == type.typedField else {
      throw invalid(place, "its elements of type \(type) stand in the field of another type")
    }
  }

  // MARK: Data inside the message

  private func inlineTensor(
    _ proto: Onnx__TensorProto, _ field: Int, _ type: DataType, _ shape: Shape, _ byteCount: Int, place: String
  ) throws(ImportError) -> Tensor {
    try checkField(field, fits: type, place: place)
    var source = UnsafeRawBufferPointer(start: nil, count: 0)
    var sourceStride = type.entryByteCount
    switch field {
    case TensorField.rawData:
      source = UnsafeRawBufferPointer(start: proto.raw_data.data, count: proto.raw_data.len)
      sourceStride = 1
    case TensorField.floatData:
      source = UnsafeRawBufferPointer(UnsafeBufferPointer(start: proto.float_data, count: proto.n_float_data))
      sourceStride = 4
    case TensorField.doubleData:
      source = UnsafeRawBufferPointer(UnsafeBufferPointer(start: proto.double_data, count: proto.n_double_data))
      sourceStride = 8
    case TensorField.int32Data:
      source = UnsafeRawBufferPointer(UnsafeBufferPointer(start: proto.int32_data, count: proto.n_int32_data))
      sourceStride = 4
    case TensorField.int64Data:
      source = UnsafeRawBufferPointer(UnsafeBufferPointer(start: proto.int64_data, count: proto.n_int64_data))
      sourceStride = 8
    default:
      source = UnsafeRawBufferPointer(UnsafeBufferPointer(start: proto.uint64_data, count: proto.n_uint64_data))
      sourceStride = 8
    }
    let targetStride = field == TensorField.rawData ? 1 : type.entryByteCount
    guard source.count / sourceStride == byteCount / targetStride else {
      let found = source.count / sourceStride
      throw invalid(place, "it holds \(found) entries where \(byteCount / targetStride) belong")
    }
    let tensor = Tensor(type, shape)
    let target = tensor.buffer.base
    guard sourceStride != targetStride else {
      target.copyMemory(from: source.baseAddress!, byteCount: byteCount)
      return tensor
    }
    // Narrow types are the low bytes of wider entries.
    for entry in 0..<byteCount / targetStride {
      (target + entry * targetStride).copyMemory(
        from: source.baseAddress! + entry * sourceStride, byteCount: targetStride)
    }
    return tensor
  }

  private func strings(_ proto: Onnx__TensorProto, _ shape: Shape, place: String) throws(ImportError) -> Tensor {
    guard proto.n_string_data == shape.count else {
      throw invalid(place, "it holds \(proto.n_string_data) strings where \(shape.count) belong")
    }
    let entries = UnsafeBufferPointer(start: proto.string_data, count: proto.n_string_data)
    return Tensor(strings: entries.map { String(decoding: byteArray($0), as: UTF8.self) }, shape: shape)
  }

  // MARK: Data in files

  private func payloadTensor(
    _ payload: Skeleton.Payload, _ type: DataType, _ shape: Shape, _ byteCount: Int, place: String
  ) throws(ImportError) -> Tensor {
    try checkField(payload.field, fits: type, place: place)
    switch payload.field {
    case TensorField.rawData, TensorField.floatData, TensorField.doubleData:
      guard payload.range.count == byteCount else {
        throw invalid(place, "it holds \(payload.range.count) bytes where \(byteCount) belong")
      }
      return window(bytes, payload.range, owner, type, shape)
    default:
      return try numbers(payload.range, type, shape, byteCount, place: place)
    }
  }

  private func numbers(
    _ range: Range<Int>, _ type: DataType, _ shape: Shape, _ byteCount: Int, place: String
  ) throws(ImportError) -> Tensor {
    let width = type.entryByteCount
    // Every number takes at least a byte: nothing is allocated that the file does not pay for.
    guard byteCount / width <= range.count else {
      throw invalid(place, "it holds fewer than \(byteCount / width) entries")
    }
    let tensor = Tensor(type, shape)
    var reader = WireReader(bytes, range)
    var target = tensor.buffer.base
    let end = target + byteCount
    do {
      while !reader.isAtEnd, target < end {
        var entry = try reader.varint().littleEndian
        target.copyMemory(from: &entry, byteCount: width)
        target += width
      }
    } catch {
      throw problem(place, error.problem)
    }
    guard reader.isAtEnd, target == end else {
      throw invalid(place, "it does not hold the \(byteCount / width) entries that belong")
    }
    return tensor
  }

  private func externalTensor(
    _ proto: Onnx__TensorProto, _ type: DataType, _ shape: Shape, _ byteCount: Int, place: String
  ) throws(ImportError) -> Tensor {
    func fail(_ reason: String) -> ImportError { problem(place, .externalData(reason)) }
    guard type != .string else { throw fail("cannot hold strings; store them in the model") }
    var location = ""
    var offset = 0
    var length = byteCount
    for case let entry? in UnsafeBufferPointer(start: proto.external_data, count: proto.n_external_data) {
      let value = string(entry.pointee.value) ?? ""
      switch string(entry.pointee.key) ?? "" {
      case "location": location = value
      case "offset":
        guard let number = Int(value), number >= 0 else { throw fail("has the impossible offset \(quoted(value))") }
        offset = number
      case "length":
        guard let number = Int(value), number >= 0 else { throw fail("has the impossible length \(quoted(value))") }
        length = number
      default: break
      }
    }
    guard length == byteCount else { throw fail("is \(length) bytes long where \(byteCount) belong") }
    guard byteCount > 0 else { return Tensor(type, shape) }
    do {
      let file = try external.file(at: location)
      guard offset <= file.bytes.count, length <= file.bytes.count - offset else {
        throw fail("lies beyond the end of \(quoted(location)); copy the file again")
      }
      return window(file.bytes, offset..<offset + length, file, type, shape)
    } catch let error as ImportError {
      throw error
    } catch let refusal as ExternalData.Refusal {
      throw fail(refusal.reason)
    } catch {
      fatalError("no other error is thrown here")
    }
  }

  /// A tensor over part of a file, or a copy of it when it is small.
  private func window(
    _ file: UnsafeRawBufferPointer, _ range: Range<Int>, _ owner: AnyObject, _ type: DataType, _ shape: Shape
  ) -> Tensor {
    let part = UnsafeRawBufferPointer(rebasing: file[range])
    guard part.count < Self.borrowThreshold else {
      let isFileBacked = owner is MappedFile
      return Tensor(
        type, shape, buffer: TensorBuffer(borrowing: part, owner: owner, isFileBacked: isFileBacked))
    }
    let tensor = Tensor(type, shape)
    if let start = part.baseAddress { tensor.buffer.base.copyMemory(from: start, byteCount: part.count) }
    return tensor
  }

  // MARK: Errors

  private func problem(_ place: String, _ problem: ImportError.Problem) -> ImportError {
    ImportError(path: path, place: place, problem: problem)
  }

  private func invalid(_ place: String, _ reason: String) -> ImportError { problem(place, .invalidTensor(reason)) }
}

extension DataType {
  /// The field of `TensorProto` that holds elements of this type when they are not raw.
  var typedField: Int {
    switch self {
    case .float32, .complex64: TensorField.floatData
    case .float64, .complex128: TensorField.doubleData
    case .int64: TensorField.int64Data
    case .uint32, .uint64: TensorField.uint64Data
    case .string: TensorField.stringData
    case .int32, .uint16, .int16, .uint8, .int8, .bool, .float16, .bfloat16, .float8e4m3fn, .float8e4m3fnuz,
      .float8e5m2, .float8e5m2fnuz, .float8e8m0, .uint4, .int4, .float4e2m1, .uint2, .int2:
      TensorField.int32Data
    }
  }

  /// Bytes of the tensor that one entry of that field stands for: an element, or a byte of packed ones.
  var entryByteCount: Int {
    switch self {
    case .complex64: 4
    case .complex128: 8
    default: elementByteCount ?? 1
    }
  }
}

/// The text of a C string that may be absent; nil also when it is empty.
func string(_ text: UnsafePointer<CChar>?) -> String? {
  guard let text, text.pointee != 0 else { return nil }
  return String(cString: text)
}

func byteArray(_ data: ProtobufCBinaryData) -> [UInt8] {
  Array(UnsafeBufferPointer(start: data.data, count: data.len))
}

func integers(_ start: UnsafePointer<Int64>?, _ count: Int) -> [Int] {
  UnsafeBufferPointer(start: start, count: count).map(Int.init)
}
