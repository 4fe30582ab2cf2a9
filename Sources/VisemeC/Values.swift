import CViseme
import GraphIR
import Viseme

/// Stands for the caller, who keeps the memory of wrapped tensors.
private final class Caller: Sendable {
  static let shared = Caller()
}

@_cdecl("viseme_tensor_wrap")
public func tensorWrap(
  _ type: Int32, _ rank: Int, _ dims: UnsafePointer<Int64>?, _ data: UnsafeMutableRawPointer?, _ byteCount: Int,
  _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
  handOut(out) { () throws(Failure) in
    let type = try elementType(type)
    guard type != .string else { throw .argument("strings have no bytes to wrap; use viseme_tensor_create_strings") }
    let shape = try shape(rank, dims, of: type)
    let wanted = type.byteCount(of: shape.count)!
    guard byteCount >= wanted else {
      throw .argument("a tensor of \(type) elements and shape \(shape) takes \(wanted) bytes, not \(byteCount)")
    }
    guard data != nil || wanted == 0 else { throw .argument("data is null") }
    let alignment = min(type.elementByteCount ?? 1, 8)
    guard Int(bitPattern: data) % alignment == 0 else {
      throw .argument("data is not aligned to its elements (\(alignment) bytes)")
    }
    let bytes = UnsafeRawBufferPointer(start: data, count: byteCount)
    return ValueHandle(
      .tensor(Tensor(type, shape, buffer: TensorBuffer(borrowing: bytes, owner: Caller.shared))))
  }
}

@_cdecl("viseme_tensor_create")
public func tensorCreate(
  _ type: Int32, _ rank: Int, _ dims: UnsafePointer<Int64>?, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
  handOut(out) { () throws(Failure) in
    let type = try elementType(type)
    let shape = try shape(rank, dims, of: type)
    try checkMemory(shape, of: type)
    return ValueHandle(.tensor(Tensor(type, shape)))
  }
}

@_cdecl("viseme_tensor_create_strings")
public func tensorCreateStrings(
  _ rank: Int, _ dims: UnsafePointer<Int64>?, _ strings: UnsafePointer<UnsafePointer<CChar>?>?,
  _ lengths: UnsafePointer<Int>?, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
  handOut(out) { () throws(Failure) in
    let shape = try shape(rank, dims, of: .string)
    try checkMemory(shape, of: .string)
    var elements: [String] = []
    elements.reserveCapacity(shape.count)
    for index in 0..<shape.count {
      guard let start = strings?[index] else { throw .argument("string \(index) is null") }
      if let lengths {
        let bytes = UnsafeRawBufferPointer(start: start, count: lengths[index])
        elements.append(String(decoding: bytes, as: UTF8.self))
      } else {
        elements.append(String(cString: start))
      }
    }
    return ValueHandle(.tensor(Tensor(strings: elements, shape: shape)))
  }
}

@_cdecl("viseme_sequence_create")
public func sequenceCreate(
  _ type: Int32, _ count: Int, _ elements: UnsafePointer<OpaquePointer?>?, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
  handOut(out) { () throws(Failure) in
    let type = try tensorType(type)
    var values: [RuntimeValue] = []
    for index in 0..<max(count, 0) {
      let element: ValueHandle = try object(elements?[index], "element \(index)")
      values.append(element.value)
    }
    return ValueHandle(.sequence(values, of: type))
  }
}

@_cdecl("viseme_optional_create")
public func optionalCreate(
  _ element: OpaquePointer?, _ kind: Int32, _ type: Int32, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
  handOut(out) { () throws(Failure) in
    if let element {
      let value = object(element, as: ValueHandle.self).value
      return ValueHandle(.optional(value, of: value.type.withoutShape))
    }
    let tensor = try tensorType(type)
    return ValueHandle(.optional(nil, of: kind == VISEME_SEQUENCE ? .sequence(tensor) : tensor))
  }
}

@_cdecl("viseme_value_destroy")
public func valueDestroy(_ value: OpaquePointer?) { release(value) }

@_cdecl("viseme_value_kind")
public func valueKind(_ value: OpaquePointer?) -> Int32 {
  guard let value else { return Int32(VISEME_UNKNOWN) }
  switch object(value, as: ValueHandle.self).value {
  case .tensor: return Int32(VISEME_TENSOR)
  case .sequence: return Int32(VISEME_SEQUENCE)
  case .optional: return Int32(VISEME_OPTIONAL)
  }
}

@_cdecl("viseme_tensor_describe")
public func tensorDescribe(_ value: OpaquePointer?, _ info: UnsafeMutablePointer<viseme_tensor_info>?) -> Int32 {
  reporting { () throws(Failure) in
    let value: ValueHandle = try object(value, "value")
    let tensor = try value.tensor("value")
    try fill(info) { info in
      info.element_type = tensor.dataType.rawValue
      info.rank = tensor.shape.rank
      info.dims = UnsafePointer(value.dims)
      info.count = tensor.count
      info.data = tensor.dataType == .string ? nil : UnsafeMutableRawPointer(mutating: tensor.baseAddress)
      info.byte_count = tensor.byteCount
    }
  }
}

@_cdecl("viseme_tensor_string")
public func tensorString(
  _ value: OpaquePointer?, _ index: Int, _ text: UnsafeMutablePointer<UnsafePointer<CChar>?>?,
  _ length: UnsafeMutablePointer<Int>?
) -> Int32 {
  reporting { () throws(Failure) in
    let value: ValueHandle = try object(value, "value")
    let tensor = try value.tensor("value")
    guard tensor.strings.indices.contains(index) else {
      throw .argument("there is no string \(index) in a tensor of \(tensor.dataType) elements and shape \(tensor.shape)")
    }
    let string = value.text(index, of: tensor)
    text?.pointee = UnsafePointer(string.pointer)
    length?.pointee = string.byteCount
  }
}

@_cdecl("viseme_value_count")
public func valueCount(_ value: OpaquePointer?) -> Int {
  value.map { object($0, as: ValueHandle.self).elements.count } ?? 0
}

@_cdecl("viseme_value_element")
public func valueElement(_ value: OpaquePointer?, _ index: Int, _ out: UnsafeMutablePointer<OpaquePointer?>?) -> Int32 {
  handOut(out) { () throws(Failure) in
    let value: ValueHandle = try object(value, "value")
    let elements = value.elements
    guard elements.indices.contains(index) else {
      throw .argument("there is no element \(index); there are \(elements.count)")
    }
    return ValueHandle(elements[index])
  }
}
