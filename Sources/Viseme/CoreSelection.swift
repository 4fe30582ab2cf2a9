import CKernels

/// The processor cores that work may run on, as Linux numbers them.
public enum CoreSelection: Hashable, Sendable, CustomStringConvertible {
  /// All that the process may use.
  case all
  /// The fast ones of these, where cores differ (big.LITTLE); otherwise all.
  case big
  /// These, of those that the process may use.
  case list(Set<Int>)

  /// Reads `all`, `big`, or numbers and ranges such as `4-7` or `0,2,4-7`; nil for anything else.
  public init?(_ text: String) {
    switch text {
    case "all": self = .all
    case "big": self = .big
    default:
      var cores: Set<Int> = []
      for part in text.split(separator: ",", omittingEmptySubsequences: false) {
        let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { number($0) }
        guard let first = ends[0], ends.count <= 2, let last = ends.count == 2 ? ends[1] : first, first <= last
        else { return nil }
        cores.formUnion(first...last)
      }
      self = .list(cores)
    }
  }

  public var description: String {
    switch self {
    case .all: "all"
    case .big: "big"
    case .list(let cores): cores.sorted().map { "\($0)" }.joined(separator: ",")
    }
  }

  /// The cores chosen of those that this thread may use, ascending. Empty: there are none.
  public var cores: [Int] { resolve(of: vz_cores_allowed()).numbers }

  /// The fast ones of `cores`: so many threads are worth having.
  public var bigCores: [Int] {
    withUnsafePointer(to: resolve(of: vz_cores_allowed())) { vz_cores_big($0, nil) }.numbers
  }

  /// Keeps this thread, and all it starts from now on, on the cores chosen. False, and nothing changed, if there are none.
  public func pin() -> Bool {
    withUnsafePointer(to: resolve(of: vz_cores_allowed())) { vz_cores_count($0) > 0 && vz_cores_pin($0) }
  }

  /// - Parameter folder: what stands for `/sys/devices/system/cpu`.
  package func resolve(of allowed: vz_cores, folder: String? = nil) -> vz_cores {
    switch self {
    case .all: return allowed
    case .big: return withUnsafePointer(to: allowed) { vz_cores_big($0, folder) }
    case .list(let wanted):
      var cores = vz_cores()
      for core in wanted where withUnsafePointer(to: allowed, { vz_cores_has($0, core) }) { vz_cores_add(&cores, core) }
      return cores
    }
  }
}

/// The number of a core; signs and blanks are none.
private func number(_ text: Substring) -> Int? {
  guard !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let core = Int(text),
    core < Int(VZ_CORES)
  else { return nil }
  return core
}

extension vz_cores {
  package init(_ numbers: some Sequence<Int>) {
    self.init()
    for core in numbers { vz_cores_add(&self, core) }
  }

  package var numbers: [Int] {
    withUnsafePointer(to: self) { cores in (0..<Int(VZ_CORES)).filter { vz_cores_has(cores, $0) } }
  }
}
