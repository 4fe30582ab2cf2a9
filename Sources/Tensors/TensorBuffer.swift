#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A block of bytes that tensors share: memory of its own, or a window into something that outlives it.
///
/// Bytes are written only by the one who made the buffer, before it is shared, or through
/// `Tensor.withUnsafeMutableBytes`, which copies a shared buffer first.
public final class TensorBuffer: @unchecked Sendable {
  public let base: UnsafeMutableRawPointer
  public let byteCount: Int
  private let release: () -> Void
  /// False for memory that must not be written, such as a mapped file.
  public let isWritable: Bool
  /// True for memory that the system can read again from a file.
  public let isFileBacked: Bool

  /// The alignment of memory that buffers allocate, in bytes: a cache line, and the widest vector.
  public static let alignment = 64

  /// Allocates `byteCount` bytes, zeroed unless they will be written before they are read.
  ///
  /// - Precondition: `byteCount` was checked against a budget.
  public init(byteCount: Int, isZeroed: Bool = true) {
    let memory = Self.allocate(byteCount, isZeroed: isZeroed)
    base = memory
    self.byteCount = byteCount
    isWritable = true
    isFileBacked = false
    release = { free(memory) }
  }

  /// Allocates within a budget, which has the bytes back when the buffer goes; nil when it does not have as many.
  ///
  /// - Parameter reserving: what to take from the budget, for buffers that stand for memory kept elsewhere.
  public init?(byteCount: Int, reserving: Int? = nil, isZeroed: Bool = true, budget: MemoryBudget) {
    let reserved = max(reserving ?? byteCount, Self.leastReserved)
    guard budget.reserve(reserved) else { return nil }
    let memory = Self.allocate(byteCount, isZeroed: isZeroed)
    base = memory
    self.byteCount = byteCount
    isWritable = true
    isFileBacked = false
    release = {
      free(memory)
      budget.release(reserved)
    }
  }

  /// What the smallest buffer takes from a budget: it and its tensor need memory besides their bytes, and many are many.
  public static let leastReserved = 256

  private static func allocate(_ byteCount: Int, isZeroed: Bool) -> UnsafeMutableRawPointer {
    var memory: UnsafeMutableRawPointer?
    let status = posix_memalign(&memory, alignment, Swift.max(byteCount, 1))
    guard status == 0, let memory else { fatalError("out of memory: \(byteCount) bytes") }
    if isZeroed { memset(memory, 0, byteCount) }
    return memory
  }

  /// Wraps bytes that `owner` keeps alive.
  ///
  /// - Parameter isFileBacked: whether they are a file's, mapped for reading.
  public init(borrowing bytes: UnsafeRawBufferPointer, owner: AnyObject, isFileBacked: Bool = false) {
    base = UnsafeMutableRawPointer(mutating: bytes.baseAddress ?? UnsafeRawPointer(Self.nothing))
    byteCount = bytes.count
    isWritable = false
    self.isFileBacked = isFileBacked
    release = { _ = owner }
  }

  /// Lets the system take back the memory of a file's whole pages; they are read again when they are needed.
  public func adviseUnneeded() {
    guard isFileBacked else { return }
    let page = UInt(sysconf(Int32(_SC_PAGESIZE)))
    let start = (UInt(bitPattern: base) + page - 1) / page * page
    let end = (UInt(bitPattern: base) + UInt(byteCount)) / page * page
    guard start < end, let pages = UnsafeMutableRawPointer(bitPattern: start) else { return }
    madvise(pages, Int(end - start), MADV_DONTNEED)
  }

  private nonisolated(unsafe) static let nothing = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64)

  deinit { release() }
}
