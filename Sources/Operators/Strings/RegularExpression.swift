/// A regular expression that is matched in time linear in the text: all ways to match are followed at once.
struct RegularExpression: Sendable {
  struct Problem: Error {
    var reason: String
  }

  /// What one step of a match looks at.
  indirect enum Term: Sendable {
    case one(ScalarSet)
    case all([Term])
    case any([Term])
    case times(Term, Int, Int?)
    case boundary(Boundary)
  }

  enum Boundary: Sendable { case start, end, word, noWord }

  private enum Instruction: Sendable {
    case one(ScalarSet)
    /// Goes on at both places.
    case split(Int, Int)
    case boundary(Boundary)
  }

  /// Behind the last instruction the text has matched.
  private var program: [Instruction] = []
  /// Terms compiled so far: repeating what is empty takes time although it adds nothing.
  private var termCount = 0
  private static let programLimit = 20_000, termLimit = 100_000

  init(_ pattern: String) throws(Problem) {
    var parser = RegularExpressionParser(pattern)
    try add(try parser.parse())
  }

  // MARK: Compilation

  private mutating func add(_ term: Term) throws(Problem) {
    termCount += 1
    guard program.count < Self.programLimit, termCount < Self.termLimit else { throw Problem(reason: "is too large") }
    switch term {
    case .one(let set): program.append(.one(set))
    case .boundary(let boundary): program.append(.boundary(boundary))
    case .all(let terms): for term in terms { try add(term) }
    case .any(let terms): try addAlternatives(terms)
    case .times(let term, let least, let most):
      for _ in 0..<least { try add(term) }
      guard let most else { return try addLoop(term) }
      for _ in least..<max(most, least) { try addOptional(term) }
    }
  }

  private mutating func addAlternatives(_ terms: [Term]) throws(Problem) {
    // Each alternative but the last: split(it, next), it, jump to the end.
    var jumps: [Int] = []
    for term in terms.dropLast() {
      let split = program.count
      program.append(.split(split + 1, 0))
      try add(term)
      jumps.append(program.count)
      program.append(.split(0, 0))
      program[split] = .split(split + 1, program.count)
    }
    if let last = terms.last { try add(last) }
    for jump in jumps { program[jump] = .split(program.count, program.count) }
  }

  private mutating func addLoop(_ term: Term) throws(Problem) {
    let split = program.count
    program.append(.split(split + 1, 0))
    try add(term)
    program.append(.split(split, split))
    program[split] = .split(split + 1, program.count)
  }

  private mutating func addOptional(_ term: Term) throws(Problem) {
    let split = program.count
    program.append(.split(split + 1, 0))
    try add(term)
    program[split] = .split(split + 1, program.count)
  }

  // MARK: Matching

  /// Whether all of `text` matches.
  func matches(_ text: String) -> Bool {
    let scalars = Array(text.unicodeScalars)
    var threads = closure(of: [0], at: 0, in: scalars)
    for position in scalars.indices {
      var next: [Int] = []
      for thread in threads {
        guard thread < program.count, case .one(let set) = program[thread], set.contains(scalars[position]) else { continue }
        next.append(thread + 1)
      }
      guard !next.isEmpty else { return false }
      threads = closure(of: next, at: position + 1, in: scalars)
    }
    return threads.contains(program.count)
  }

  /// Where a match can be without reading on: every place that reads a scalar, or the end.
  private func closure(of places: [Int], at position: Int, in scalars: [Unicode.Scalar]) -> [Int] {
    var isSeen = [Bool](repeating: false, count: program.count + 1)
    var stack = places, result: [Int] = []
    while let place = stack.popLast() {
      guard !isSeen[place] else { continue }
      isSeen[place] = true
      guard place < program.count else { result.append(place); continue }
      switch program[place] {
      case .one: result.append(place)
      case .split(let a, let b): stack += [a, b]
      case .boundary(let boundary): if holds(boundary, at: position, in: scalars) { stack.append(place + 1) }
      }
    }
    return result
  }

  private func holds(_ boundary: Boundary, at position: Int, in scalars: [Unicode.Scalar]) -> Bool {
    func isWord(_ index: Int) -> Bool { scalars.indices.contains(index) && ScalarSet.word.contains(scalars[index]) }
    switch boundary {
    case .start: return position == 0
    case .end: return position == scalars.count
    case .word: return isWord(position - 1) != isWord(position)
    case .noWord: return isWord(position - 1) == isWord(position)
    }
  }
}

/// Unicode scalars, as ranges.
struct ScalarSet: Sendable {
  var ranges: [ClosedRange<UInt32>]
  var isNegated = false
  var ignoresCase = false

  init(_ ranges: [ClosedRange<UInt32>], isNegated: Bool = false) {
    self.ranges = ranges
    self.isNegated = isNegated
  }

  init(_ text: String) { self.init(text.unicodeScalars.map { $0.value...$0.value }) }

  static let digit = ScalarSet([0x30...0x39])
  static let word = ScalarSet([0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
  static let space = ScalarSet([0x09...0x0A, 0x0C...0x0D, 0x20...0x20])
  static let all = ScalarSet([0...0x10FFFF])
  static let newline = ScalarSet([0x0A...0x0A])

  var negated: ScalarSet {
    var set = self
    set.isNegated.toggle()
    return set
  }

  /// The ranges with the negation carried out.
  var plainRanges: [ClosedRange<UInt32>] {
    guard isNegated else { return ranges }
    var result: [ClosedRange<UInt32>] = []
    var next: UInt32 = 0
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if range.lowerBound > next { result.append(next...(range.lowerBound - 1)) }
      next = max(next, range.upperBound + 1)
    }
    return next <= 0x10FFFF ? result + [next...0x10FFFF] : result
  }

  func contains(_ scalar: Unicode.Scalar) -> Bool {
    func isIn(_ value: UInt32) -> Bool { ranges.contains { $0.contains(value) } }
    guard ignoresCase else { return isIn(scalar.value) != isNegated }
    let forms = [scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping]
      .compactMap { $0.unicodeScalars.count == 1 ? $0.unicodeScalars.first!.value : nil }
    return (isIn(scalar.value) || forms.contains(where: isIn)) != isNegated
  }
}
