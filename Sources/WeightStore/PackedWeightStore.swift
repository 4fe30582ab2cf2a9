import Files
import GraphIR
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Packed weights of one model on disk: those that lie beside it, and those that a cache folder keeps.
///
/// Nothing here fails: without a usable file weights are packed as if there were none, and what cannot be written is
/// left.
public final class PackedWeightStore: PackedWeightSource, @unchecked Sendable {
  /// What became of the files, for reports.
  public enum Finding: Equatable, Sendable, CustomStringConvertible {
    /// Weights come from this file.
    case found(String)
    /// The file is not used, and why.
    case ignored(String, reason: String)
    case written(String)
    /// The file cannot be written, and why.
    case unwritable(String, reason: String)

    public var description: String {
      switch self {
      case .found(let path): "packed weights come from \(path)"
      case .ignored(let path, let reason): "\(path) is not used: \(reason)"
      case .written(let path): "packed weights were written to \(path)"
      case .unwritable(let path, let reason): "\(path) cannot be written (\(reason))"
      }
    }
  }

  public let identity: ModelIdentity
  /// The file beside the model.
  public let besidePath: String
  /// The file in the cache folder; nil without one.
  public let cachePath: String?
  private let beside: PackedWeightFile?
  private let cached: PackedWeightFile?
  private let lock: UnsafeMutablePointer<pthread_mutex_t>
  private var state = State()

  private struct State {
    var findings: [Finding] = []
    var keys: Set<WeightCache.Key> = []
    var hasGivenUp = false
  }

  /// Looks for files.
  ///
  /// - Parameters:
  ///   - model: the model's path.
  ///   - level: the CPU level, by which files of one model differ.
  ///   - cacheFolder: where files may be kept; nil to keep none.
  public init(model: String, level: String, identity: ModelIdentity, cacheFolder: String?) {
    self.identity = identity
    lock = .allocate(capacity: 1)
    pthread_mutex_init(lock, nil)
    besidePath = Self.path(beside: model, level: level)
    cachePath = cacheFolder.map { Self.path(of: model, in: $0, level: level) }
    var findings: [Finding] = []
    func opened(_ path: String?) -> PackedWeightFile? {
      guard let path else { return nil }
      do throws(PackedWeightFile.Problem) {
        let file = try PackedWeightFile(path: path, identity: identity)
        findings.append(.found(path))
        return file
      } catch {
        switch error {
        case .missing: break
        case .damaged(let reason), .foreign(let reason): findings.append(.ignored(path, reason: reason))
        }
        return nil
      }
    }
    beside = opened(besidePath)
    cached = opened(cachePath)
    state.findings = findings
  }

  deinit {
    pthread_mutex_destroy(lock)
    lock.deallocate()
  }

  /// Where the packed weights of the model at `path` lie that were made ahead of time.
  public static func path(beside path: String, level: String) -> String { "\(path).\(level).packed" }

  /// One file for each path of a model: a new version of it replaces the old one's.
  private static func path(of model: String, in folder: String, level: String) -> String {
    let whole = realpath(model, nil)
    defer { free(whole) }
    let name = model.split(separator: "/").last.map(String.init) ?? "model"
    let place = ContentHash(of: whole.map { String(cString: $0) } ?? model).digits.prefix(16)
    return "\(folder)/\(name.prefix(100))-\(place)-\(level).packed"
  }

  private func locked<Result>(_ body: (inout State) -> Result) -> Result {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    return body(&state)
  }

  public var findings: [Finding] { locked { $0.findings } }

  public func buffer(_ key: WeightCache.Key, byteCount: Int) -> TensorBuffer? {
    locked { _ in beside?.buffer(key, byteCount: byteCount) ?? cached?.buffer(key, byteCount: byteCount) }
  }

  /// Writes the cache folder's file anew if any of `entries` was packed by this process.
  public func keep(_ entries: [WeightCache.Entry]) {
    guard let cachePath else { return }
    locked { state in
      let isNew = entries.contains { !$0.buffer.isFileBacked && !state.keys.contains($0.key) }
      let isStale = cached?.hasStaleStamp == true && identity.stamp != nil && state.keys.isEmpty
      guard !state.hasGivenUp, !entries.isEmpty, isNew || isStale else { return }
      state.keys.formUnion(entries.map(\.key))
      if let problem = write(merged(entries), to: cachePath) {
        state.hasGivenUp = true
        state.findings.append(.unwritable(cachePath, reason: problem))
      } else if !state.findings.contains(.written(cachePath)) {
        state.findings.append(.written(cachePath))
      }
    }
  }

  /// Writes the file beside the model.
  ///
  /// - Returns: why that failed.
  public func writeBeside(_ entries: [WeightCache.Entry]) -> String? { write(entries, to: besidePath) }

  /// With what the old file has for other shapes.
  private func merged(_ entries: [WeightCache.Entry]) -> [WeightCache.Entry] {
    guard let cached else { return entries }
    let known = Set(entries.map(\.key))
    let others = cached.slots.filter { !known.contains($0.key) }.compactMap { key, slot in
      cached.buffer(key, byteCount: slot.byteCount).map { WeightCache.Entry(key: key, buffer: $0) }
    }
    return (entries + others).sorted { $0.key < $1.key }
  }

  private func write(_ entries: [WeightCache.Entry], to path: String) -> String? {
    if let folder = path.lastIndex(of: "/").map({ String(path[..<$0]) }), !folder.isEmpty {
      if let problem = Self.makeFolder(folder) { return problem }
    }
    do throws(SystemError) {
      try PackedWeightFile.write(entries, identity: identity, to: path)
      return nil
    } catch {
      return error.reason
    }
  }

  /// Makes a folder and those it lies in, for this user alone.
  private static func makeFolder(_ path: String) -> String? {
    if mkdir(path, 0o700) == 0 || errno == EEXIST { return nil }
    guard errno == ENOENT, let parent = path.lastIndex(of: "/"), parent != path.startIndex else {
      return String(cString: strerror(errno))
    }
    if let problem = makeFolder(String(path[..<parent])) { return problem }
    return mkdir(path, 0o700) == 0 || errno == EEXIST ? nil : String(cString: strerror(errno))
  }
}
