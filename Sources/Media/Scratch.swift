internal import CKernels

/// Memory and threads that image kernels run on, kept from call to call.
final class Scratch {
  let pool: OpaquePointer?
  private var memory: UnsafeMutableRawPointer
  private var byteCount: Int

  /// - Parameter pool: a `vz_pool`, which stays the caller's and must outlive this; nil runs on the calling thread.
  init(pool: OpaquePointer?, byteCount: Int = 64) {
    self.pool = pool
    self.byteCount = max(64, byteCount)
    memory = .allocate(byteCount: self.byteCount, alignment: 64)
  }

  deinit { memory.deallocate() }

  var threadCount: UInt32 { vz_pool_threads(pool) }

  /// Calls `body` with at least `byteCount` bytes of scratch.
  func run(byteCount needed: Int, _ body: (UnsafePointer<vz_exec>) -> Void) {
    if needed > byteCount {
      memory.deallocate()
      byteCount = needed
      memory = .allocate(byteCount: needed, alignment: 64)
    }
    var exec = vz_exec(kernels: vz_kernels_default(), pool: pool, scratch: memory, scratch_bytes: byteCount)
    body(&exec)
  }
}
