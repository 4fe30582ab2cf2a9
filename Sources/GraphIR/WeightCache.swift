import CKernels
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Packed weights of one program, made at first use and then shared by its plans and sessions.
///
/// Kernels are told where their weights will be when they are made; `pack` then fills what is new, with several threads
/// if there are any. So a plan that is only looked at packs nothing.
public final class WeightCache: @unchecked Sendable {
  /// What names packed weights within a program.
  public struct Key: Hashable, Comparable, Sendable {
    /// The first output of the node they belong to.
    public var output: String
    /// How they are packed, with all that depends on besides the node.
    public var purpose: String

    public init(output: String, purpose: String) {
      self.output = output
      self.purpose = purpose
    }

    public static func < (a: Key, b: Key) -> Bool { (a.output, a.purpose) < (b.output, b.purpose) }
  }

  /// Packed weights under their name.
  public struct Entry: Sendable {
    public var key: Key
    public var buffer: TensorBuffer

    public init(key: Key, buffer: TensorBuffer) {
      self.key = key
      self.buffer = buffer
    }
  }

  private struct Job {
    var buffer: TensorBuffer
    var sources: [Tensor]
    var fill: @Sendable (UnsafeMutableRawPointer) -> Void

    func run() {
      fill(buffer.base)
      // Weights are read once: what was packed need not stay in memory twice.
      for source in sources { source.buffer.adviseUnneeded() }
    }
  }

  private var buffers: [Key: TensorBuffer] = [:]
  private var jobs: [Job] = []
  /// Keys that mean the same in every process that opens the model.
  private var lasting: Set<Key> = []
  private let lock: UnsafeMutablePointer<pthread_mutex_t>
  private let names: [String]
  private let isDeferred: Bool
  private let stored: (any PackedWeightSource)?

  /// - Parameters:
  ///   - names: the names of the program's values, by id.
  ///   - stored: weights that were packed before, in another process.
  ///   - isDeferred: whether weights are packed by `pack`; else at once.
  public init(names: [String], stored: (any PackedWeightSource)? = nil, isDeferred: Bool = false) {
    self.names = names
    self.stored = stored
    self.isDeferred = isDeferred
    lock = .allocate(capacity: 1)
    pthread_mutex_init(lock, nil)
  }

  deinit {
    pthread_mutex_destroy(lock)
    lock.deallocate()
  }

  private func locked<Result>(_ body: () -> Result) -> Result {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    return body()
  }

  /// Bytes of all packed weights.
  public var byteCount: Int { locked { buffers.values.reduce(0) { $0 + $1.byteCount } } }

  /// All packed weights that another process could use, sorted. Call after `pack`.
  public var lastingEntries: [Entry] {
    locked { lasting.sorted().map { Entry(key: $0, buffer: buffers[$0]!) } }
  }

  func buffer(
    node: Node, purpose: String, byteCount: Int, sources: [Tensor],
    isIntact: @Sendable (UnsafeRawPointer) -> Bool, _ fill: @escaping @Sendable (UnsafeMutableRawPointer) -> Void
  ) -> TensorBuffer {
    let output = node.outputs.lazy.compactMap { $0 }.first
    let name = output.map { $0.index < self.names.count ? self.names[$0.index] : nil } ?? nil
    let key = Key(output: name ?? output.map { "#\($0.index)" } ?? node.name, purpose: purpose)
    return locked {
      if let known = buffers[key] { return known }
      // A value that the compiler made is another one in another plan.
      if name != nil {
        lasting.insert(key)
        if let known = stored?.buffer(key, byteCount: byteCount), isIntact(UnsafeRawPointer(known.base)) {
          buffers[key] = known
          return known
        }
      }
      // Files must not show what memory held before; large buffers are new memory, which is zero.
      let made = TensorBuffer(byteCount: byteCount, isZeroed: byteCount < 1 << 20)
      let job = Job(buffer: made, sources: sources, fill: fill)
      if isDeferred { jobs.append(job) } else { job.run() }
      buffers[key] = made
      return made
    }
  }

  /// Packs what kernels were promised. Must be called before the kernels run.
  ///
  /// - Parameter pool: threads to share the work with.
  public func pack(_ pool: OpaquePointer?) {
    locked {
      // Largest first, so that the threads end together.
      let waiting = jobs.sorted { $0.buffer.byteCount > $1.buffer.byteCount }
      jobs = []
      waiting.withUnsafeBufferPointer { waiting in
        withUnsafePointer(to: waiting) { context in
          vz_pool_run(
            pool, waiting.count, 1,
            { context, begin, end, _ in
              let jobs = context!.assumingMemoryBound(to: UnsafeBufferPointer<Job>.self).pointee
              for index in begin..<end { jobs[index].run() }
            }, UnsafeMutableRawPointer(mutating: context))
        }
      }
    }
  }
}

/// Packed weights from another process that opened the same model.
public protocol PackedWeightSource: Sendable {
  /// The weights as they were packed; nil when there are none of this name and size.
  func buffer(_ key: WeightCache.Key, byteCount: Int) -> TensorBuffer?
}
