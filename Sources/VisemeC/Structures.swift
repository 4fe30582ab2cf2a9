/// A structure of `viseme.h` that starts with its size, so that it may grow.
protocol SizedStructure {
  var struct_size: Int { get set }
}

/// Fills as much of a caller's structure as the caller knows of.
func fill<Structure: SizedStructure>(
  _ target: UnsafeMutablePointer<Structure>?, _ body: (inout Structure) -> Void
) throws(Failure) {
  guard let target else { throw .argument("info is null") }
  let bytes = try knownBytes(of: target)
  withUnsafeTemporaryAllocation(of: Structure.self, capacity: 1) { copy in
    let raw = UnsafeMutableRawBufferPointer(copy)
    raw.initializeMemory(as: UInt8.self, repeating: 0)
    body(&copy[0])
    UnsafeMutableRawPointer(target).copyMemory(from: raw.baseAddress!, byteCount: bytes)
    UnsafeMutableRawPointer(target).storeBytes(of: bytes, as: Int.self)
  }
}

/// A caller's structure; `fallback` where there is none, and for fields that the caller does not know of.
func options<Structure: SizedStructure>(
  _ given: UnsafePointer<Structure>?, default fallback: Structure
) throws(Failure) -> Structure {
  guard let given else { return fallback }
  let bytes = try knownBytes(of: given)
  var result = fallback
  withUnsafeMutableBytes(of: &result) { $0.baseAddress!.copyMemory(from: given, byteCount: bytes) }
  return result
}

private func knownBytes<Structure: SizedStructure>(of structure: UnsafePointer<Structure>) throws(Failure) -> Int {
  let size = UnsafeRawPointer(structure).load(as: Int.self)
  guard size >= MemoryLayout<Int>.size, size <= 1 << 12 else {
    throw .argument("struct_size is \(size); initialize the structure with its _INIT macro")
  }
  return min(size, MemoryLayout<Structure>.size)
}
