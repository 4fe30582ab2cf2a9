import GraphIR

/// One stage of a run with its memory, and the stages that may follow it.
final class Stage {
  let plan: StagePlan
  /// Runs the stage's plan, if it has one.
  let executor: Executor?
  var next = StageCache()

  init(_ plan: StagePlan, _ executor: Executor?) {
    self.plan = plan
    self.executor = executor
  }
}

/// Stages by the types of what they read; those unused for longest are dropped first.
struct StageCache {
  private var stages: [[ValueType]: Stage] = [:]
  /// Types in the order of their last use, the oldest first.
  private var recent: [[ValueType]] = []

  /// Stages kept at most.
  static let limit = 8

  /// The stage for these types, made by `make` if it is not there.
  mutating func stage(
    for types: [ValueType], _ make: ([ValueType]) throws(CompileError) -> Stage
  ) throws(CompileError) -> Stage {
    if let known = stages[types] {
      if recent.last != types {
        recent.removeAll { $0 == types }
        recent.append(types)
      }
      return known
    }
    let stage = try make(types)
    if recent.count >= Self.limit { stages[recent.removeFirst()] = nil }
    stages[types] = stage
    recent.append(types)
    return stage
  }

  /// Bytes of the memory that the stages keep.
  var arenaByteCount: Int {
    stages.values.reduce(0) { $0 + ($1.executor?.arenaByteCount ?? 0) + $1.next.arenaByteCount }
  }
}
