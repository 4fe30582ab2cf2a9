/// A stretch of steps during which a block of memory must be kept.
public struct LiveInterval: Hashable, Sendable {
  /// The step that first writes the block.
  public var first: Int
  /// The last step that reads it.
  public var last: Int
  public var byteCount: Int

  public init(first: Int, last: Int, byteCount: Int) {
    self.first = first
    self.last = last
    self.byteCount = byteCount
  }

  func overlaps(_ other: LiveInterval) -> Bool { first <= other.last && other.first <= last }
}

/// Where each interval's block starts in one arena, and how large the arena is.
public struct ArenaLayout: Hashable, Sendable {
  public var offsets: [Int]
  public var byteCount: Int
}

/// Places blocks in an arena.
public enum MemoryPlanner {
  /// Blocks start at multiples of this many bytes.
  public static let alignment = 64

  /// Places every interval so that blocks which live at the same time never share a byte.
  ///
  /// Largest first, each into the smallest gap that fits between the blocks it overlaps in time.
  ///
  /// - Complexity: O(*n*² log *n*) in the number of intervals.
  public static func place(_ intervals: [LiveInterval]) -> ArenaLayout {
    var offsets = [Int](repeating: 0, count: intervals.count)
    let order = intervals.indices.sorted {
      (intervals[$1].byteCount, intervals[$0].first, $0) < (intervals[$0].byteCount, intervals[$1].first, $1)
    }
    var placed: [Int] = []
    var end = 0
    for index in order {
      let size = rounded(intervals[index].byteCount)
      guard size > 0 else { continue }
      let neighbours = placed.filter { intervals[$0].overlaps(intervals[index]) }.sorted { offsets[$0] < offsets[$1] }
      var best: (offset: Int, gap: Int)?
      var cursor = 0
      for neighbour in neighbours {
        let gap = offsets[neighbour] - cursor
        if gap >= size, gap < best?.gap ?? .max { best = (cursor, gap) }
        cursor = max(cursor, offsets[neighbour] + rounded(intervals[neighbour].byteCount))
      }
      offsets[index] = best?.offset ?? cursor
      end = max(end, offsets[index] + size)
      placed.append(index)
    }
    return ArenaLayout(offsets: offsets, byteCount: end)
  }

  /// The most bytes that live at one step: no placement can use fewer.
  public static func lowerBound(_ intervals: [LiveInterval]) -> Int {
    let steps = Set(intervals.map(\.first))
    return steps.map { step in
      intervals.reduce(0) { $0 + ($1.first <= step && step <= $1.last ? rounded($1.byteCount) : 0) }
    }.max() ?? 0
  }

  static func rounded(_ byteCount: Int) -> Int { (byteCount + alignment - 1) / alignment * alignment }
}
