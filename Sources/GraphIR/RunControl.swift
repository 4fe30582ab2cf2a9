import CKernels
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif
import Tensors

/// Stops runs from another thread. Once cancelled it stays so.
public final class Cancellation: @unchecked Sendable {
  private let flag: UnsafeMutablePointer<Int64>

  public init() {
    flag = .allocate(capacity: 1)
    flag.initialize(to: 0)
  }

  deinit { flag.deallocate() }

  /// Stops every run that was given this, soon: between two steps, or two turns of a loop.
  public func cancel() { vz_atomic_store(flag, 1) }

  public var isCancelled: Bool { vz_atomic_load(flag) != 0 }
}

/// What one run may take: memory, time, and its caller's patience.
public final class RunControl: Sendable {
  /// Memory for what is allocated while the run goes on.
  public let budget: MemoryBudget
  /// Seconds from now on; nil for no limit.
  public let timeLimit: Double?
  private let deadline: UInt64?
  private let cancellations: [Cancellation]

  public init(budget: MemoryBudget, timeLimit: Double? = nil, cancellations: [Cancellation] = []) {
    self.budget = budget
    self.timeLimit = timeLimit
    deadline = timeLimit.map { Self.now &+ UInt64(min(max($0, 0), 1e9) * 1e9) }
    self.cancellations = cancellations
  }

  /// Throws when the run must stop; `node` is what it stops before.
  public func check(_ node: @autoclosure () -> String) throws(OperatorError) {
    for cancellation in cancellations where cancellation.isCancelled {
      throw OperatorError(.cancelled, node: node(), "the run was cancelled before it")
    }
    if let deadline, Self.now >= deadline {
      throw OperatorError(.timeLimit, node: node(), "the run's \(timeLimit!) seconds were over before it")
    }
  }

  private static var now: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
