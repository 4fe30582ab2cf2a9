/// Divides the scratch memory of a kernel.
struct ScratchPlan: Sendable {
  private(set) var byteCount = 0

  /// The offset of a new part of `byteCount` bytes, aligned to a cache line.
  mutating func reserve(_ byteCount: Int) -> Int {
    defer { self.byteCount += (byteCount + 63) / 64 * 64 }
    return self.byteCount
  }

  mutating func reserve(floats count: Int) -> Int { reserve(count * 4) }
}
