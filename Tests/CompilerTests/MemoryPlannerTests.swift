import Compiler
import Testing

struct MemoryPlannerTests {
  private struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ (state >> 29)
    }
  }

  private func intervals(seed: UInt64) -> [LiveInterval] {
    var random = Generator(state: seed &* 0x9E37_79B9_7F4A_7C15 | 1)
    return (0..<Int.random(in: 0...40, using: &random)).map { _ in
      let first = Int.random(in: 0..<30, using: &random)
      return LiveInterval(
        first: first, last: first + Int.random(in: 0...8, using: &random),
        byteCount: Bool.random(using: &random) ? Int.random(in: 0...300, using: &random) : 64 * Int.random(in: 0...9, using: &random))
    }
  }

  @Test func livingIntervalsNeverShareBytes() {
    for seed in 0..<UInt64(500) {
      let intervals = intervals(seed: seed)
      let arena = MemoryPlanner.place(intervals)
      for a in intervals.indices {
        #expect(arena.offsets[a] % MemoryPlanner.alignment == 0, "seed \(seed)")
        #expect(arena.offsets[a] + intervals[a].byteCount <= arena.byteCount, "seed \(seed)")
        for b in intervals.indices where b > a && intervals[a].byteCount > 0 && intervals[b].byteCount > 0 {
          let meet = intervals[a].first <= intervals[b].last && intervals[b].first <= intervals[a].last
          let share = arena.offsets[a] < arena.offsets[b] + intervals[b].byteCount
            && arena.offsets[b] < arena.offsets[a] + intervals[a].byteCount
          #expect(!(meet && share), "seed \(seed): intervals \(a) and \(b)")
        }
      }
    }
  }

  @Test func theArenaIsNeverSmallerThanWhatLivesAtOnceNorMuchLarger() {
    var needed = 0, taken = 0
    for seed in 0..<UInt64(500) {
      let intervals = intervals(seed: seed)
      let bound = MemoryPlanner.lowerBound(intervals)
      let arena = MemoryPlanner.place(intervals)
      #expect(arena.byteCount >= bound, "seed \(seed)")
      needed += bound
      taken += arena.byteCount
    }
    #expect(Double(taken) < 1.1 * Double(needed))
  }

  @Test func blocksThatFollowEachOtherShareTheSameBytes() {
    let chain = (0..<100).map { LiveInterval(first: $0, last: $0 + 1, byteCount: 6400) }
    #expect(MemoryPlanner.place(chain).byteCount == 2 * 6400)
  }

  @Test func nothingNeedsNothing() {
    #expect(MemoryPlanner.place([]).byteCount == 0)
    #expect(MemoryPlanner.place([LiveInterval(first: 0, last: 9, byteCount: 0)]).byteCount == 0)
  }
}
