import CKernels

/// How many bytes may be allocated at a time; shared by all who allocate for one run.
///
/// Buffers made within a budget give their bytes back when the last owner lets go of them.
public final class MemoryBudget: @unchecked Sendable {
  public let limit: Int
  private let counter: UnsafeMutablePointer<Int64>

  public init(limit: Int) {
    self.limit = limit
    counter = .allocate(capacity: 1)
    counter.initialize(to: 0)
  }

  deinit { counter.deallocate() }

  /// Bytes in use now.
  public var byteCount: Int { Int(vz_atomic_load(counter)) }

  /// Takes `byteCount` bytes, or says false and takes nothing when fewer are left.
  public func reserve(_ byteCount: Int) -> Bool {
    guard byteCount >= 0, byteCount <= limit else { return false }
    if vz_atomic_add(counter, Int64(byteCount)) <= limit { return true }
    release(byteCount)
    return false
  }

  public func release(_ byteCount: Int) { _ = vz_atomic_add(counter, -Int64(byteCount)) }
}
