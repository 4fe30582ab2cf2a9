import CKernels

/// Threads that sessions share their work with; used by one run at a time.
public final class ThreadPool: @unchecked Sendable {
  let handle: OpaquePointer?

  /// - Parameter threads: the caller's included; 0 for one per core (big cores, where they differ).
  public init(threads: Int) {
    handle = threads == 1 ? nil : vz_pool_create(UInt32(clamping: threads))
  }

  deinit { if let handle { vz_pool_destroy(handle) } }

  /// The pool for drivers of `CKernels`; nil means that the caller works alone.
  public var pointer: OpaquePointer? { handle }

  public var threads: Int { Int(vz_pool_threads(handle)) }
}
