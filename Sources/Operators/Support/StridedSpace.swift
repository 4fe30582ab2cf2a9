/// The axes of a loop over several strided operands, as few and as long as they can be.
///
/// Axes of one element are dropped, axes are ordered by the last operand's strides, and neighbours that every operand
/// walks in one stride are merged.
struct StridedSpace: Sendable {
  /// Extents, outermost first; never empty.
  private(set) var shape: [Int]
  /// Strides in elements: `[operand][axis]`.
  private(set) var strides: [[Int]]

  /// - Parameter strides: for each operand, its stride along each axis of `shape`.
  init(shape: [Int], strides: [[Int]]) {
    let axes = shape.indices.filter { shape[$0] != 1 }
    let leading = strides.last ?? []
    let order = axes.enumerated().sorted { a, b in
      let (x, y) = (leading[a.element].magnitude, leading[b.element].magnitude)
      return x == y ? a.offset < b.offset : x > y
    }.map(\.element)
    self.shape = []
    self.strides = strides.map { _ in [] }
    for axis in order {
      let last = self.shape.count - 1
      let merges =
        last >= 0
        && strides.indices.allSatisfy { self.strides[$0][last] == strides[$0][axis] * shape[axis] }
      if merges {
        self.shape[last] *= shape[axis]
        for operand in strides.indices { self.strides[operand][last] = strides[operand][axis] }
      } else {
        self.shape.append(shape[axis])
        for operand in strides.indices { self.strides[operand].append(strides[operand][axis]) }
      }
    }
    if self.shape.isEmpty {
      self.shape = [1]
      self.strides = strides.map { _ in [0] }
    }
  }

  var rank: Int { shape.count }
  var isEmpty: Bool { shape.contains(0) }

  /// Calls `body` once for every index of all axes but the `innerRank` last, with each operand's offset in elements.
  @inline(__always)
  func forEachOuterIndex(innerRank: Int = 1, _ body: (UnsafePointer<Int>) -> Void) {
    guard !isEmpty else { return }
    let outerRank = max(rank - innerRank, 0)
    let operandCount = strides.count
    withUnsafeTemporaryAllocation(of: Int.self, capacity: operandCount + outerRank) { memory in
      memory.initialize(repeating: 0)
      let offsets = memory.baseAddress!
      let index = offsets + operandCount
      while true {
        body(UnsafePointer(offsets))
        var axis = outerRank - 1
        while axis >= 0 {
          index[axis] += 1
          for operand in 0..<operandCount { offsets[operand] += strides[operand][axis] }
          if index[axis] < shape[axis] { break }
          for operand in 0..<operandCount { offsets[operand] -= strides[operand][axis] * shape[axis] }
          index[axis] = 0
          axis -= 1
        }
        if axis < 0 { return }
      }
    }
  }
}
