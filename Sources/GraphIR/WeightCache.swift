#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif
import Tensors

/// Packed weights of one program, made at first use and then shared by its plans and sessions.
public final class WeightCache: @unchecked Sendable {
  private struct Key: Hashable {
    var output: String
    var purpose: String
  }
  private var buffers: [Key: TensorBuffer] = [:]
  private let lock: UnsafeMutablePointer<pthread_mutex_t>
  private let names: [String]

  /// - Parameter names: the names of the program's values, by id.
  public init(names: [String]) {
    self.names = names
    lock = .allocate(capacity: 1)
    pthread_mutex_init(lock, nil)
  }

  deinit {
    pthread_mutex_destroy(lock)
    lock.deallocate()
  }

  /// Bytes of all packed weights.
  public var byteCount: Int {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    return buffers.values.reduce(0) { $0 + $1.byteCount }
  }

  func buffer(
    node: Node, purpose: String, byteCount: Int, _ fill: (UnsafeMutableRawPointer) throws(OperatorError) -> Void
  ) throws(OperatorError) -> TensorBuffer {
    let output = node.outputs.lazy.compactMap { $0 }.first
    let name = output.map { $0.index < self.names.count ? self.names[$0.index] : "#\($0.index)" } ?? node.name
    let key = Key(output: name, purpose: purpose)
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    if let known = buffers[key] { return known }
    let made = TensorBuffer(byteCount: byteCount)
    try fill(made.base)
    buffers[key] = made
    return made
  }
}
