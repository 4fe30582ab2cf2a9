import ArgumentParser
import Viseme

/// How many threads work, and on which cores.
struct ThreadOptionGroup: ParsableArguments {
  @Option(name: .customLong("threads"), help: "Threads, or auto for one on each big core; results do not depend on it.")
  var wanted = ThreadCount.number(1)
  @Option(help: "Cores to stay on: all, big (the fast ones, where cores differ), or numbers such as 4-7.")
  var cores = CoreSelection.all

  var threads: Int {
    switch wanted {
    case .auto: min(max(cores.bigCores.count, 1), ThreadCount.limit)
    case .number(let count): count
    }
  }

  func validate() throws {
    guard cores == .all || !cores.cores.isEmpty else {
      let usable = CoreSelection.all.cores.map { "\($0)" }.joined(separator: ", ")
      throw ValidationError("--cores names none of the cores that this process may use; these are \(usable)")
    }
  }

  /// Call it before any thread is started.
  func pin() throws {
    guard cores == .all || cores.pin() else { throw ValidationError("--cores: the system does not let threads be kept there") }
  }
}

/// A number of threads as people say it.
enum ThreadCount: ExpressibleByArgument, CustomStringConvertible {
  case auto
  case number(Int)

  static let limit = 256

  init?(argument: String) {
    if argument == "auto" {
      self = .auto
    } else {
      guard let count = Int(argument), (1...Self.limit).contains(count) else { return nil }
      self = .number(count)
    }
  }

  var description: String {
    switch self {
    case .auto: "auto"
    case .number(let count): "\(count)"
    }
  }
}

extension CoreSelection: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
}
