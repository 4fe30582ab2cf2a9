/// A handle for C: it keeps `object` until `release`.
func handle(_ object: AnyObject) -> OpaquePointer { OpaquePointer(Unmanaged.passRetained(object).toOpaque()) }

/// The object behind a handle.
func object<Object: AnyObject>(_ handle: OpaquePointer, as _: Object.Type = Object.self) -> Object {
  Unmanaged<Object>.fromOpaque(UnsafeRawPointer(handle)).takeUnretainedValue()
}

/// The object behind a handle that may not be null.
func object<Object: AnyObject>(
  _ handle: OpaquePointer?, _ argument: String, as _: Object.Type = Object.self
) throws(Failure) -> Object {
  guard let handle else { throw .argument("\(argument) is null") }
  return object(handle)
}

func release(_ handle: OpaquePointer?) {
  guard let handle else { return }
  Unmanaged<AnyObject>.fromOpaque(UnsafeRawPointer(handle)).release()
}

/// Makes what a function hands out: `out` becomes the handle, or null when `make` throws.
func handOut<Object: AnyObject>(
  _ out: UnsafeMutablePointer<OpaquePointer?>?, _ make: () throws(Failure) -> Object
) -> Int32 {
  out?.pointee = nil
  return reporting { () throws(Failure) in
    guard let out else { throw .argument("out is null") }
    out.pointee = handle(try make())
  }
}

/// Text that C reads; it lives as long as this object.
final class CString: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<CChar>
  /// Bytes, without the closing zero.
  let byteCount: Int

  init(_ text: String) {
    let utf8 = text.utf8
    byteCount = utf8.count
    pointer = .allocate(capacity: byteCount + 1)
    let bytes = UnsafeMutableRawPointer(pointer).bindMemory(to: UInt8.self, capacity: byteCount + 1)
    _ = UnsafeMutableBufferPointer(start: bytes, count: byteCount).initialize(from: utf8)
    bytes[byteCount] = 0
  }

  deinit { pointer.deallocate() }
}
