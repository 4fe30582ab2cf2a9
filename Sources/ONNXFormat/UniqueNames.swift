/// Names of which no two are the same.
///
/// However many are asked for alike, each costs constant time on average.
struct UniqueNames {
  private var taken: Set<String>
  private var nextSuffix: [String: Int] = [:]

  init(taken: [String] = []) { self.taken = Set(taken) }

  func contains(_ name: String) -> Bool { taken.contains(name) }

  /// Takes `wanted`, or that name with a number behind, if it is taken here or `elsewhere`.
  mutating func claim(_ wanted: String, elsewhere: (String) -> Bool = { _ in false }) -> String {
    if !elsewhere(wanted), taken.insert(wanted).inserted { return wanted }
    var suffix = nextSuffix[wanted] ?? 1
    var name = "\(wanted)#\(suffix)"
    while elsewhere(name) || !taken.insert(name).inserted {
      suffix += 1
      name = "\(wanted)#\(suffix)"
    }
    nextSuffix[wanted] = suffix + 1
    return name
  }
}
