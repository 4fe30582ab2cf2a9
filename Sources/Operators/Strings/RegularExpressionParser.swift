/// Reads RE2's syntax. Greedy or not is the same where the whole text must match; named groups are groups.
struct RegularExpressionParser {
  typealias Term = RegularExpression.Term
  typealias Problem = RegularExpression.Problem

  private let scalars: [Unicode.Scalar]
  private var position = 0
  private var depth = 0
  private var ignoresCase = false
  private var dotTakesNewlines = false
  private static let depthLimit = 100, countLimit = 1000

  init(_ pattern: String) { scalars = Array(pattern.unicodeScalars) }

  mutating func parse() throws(Problem) -> Term {
    let term = try alternatives()
    guard position == scalars.count else { throw Problem(reason: "closes a group that is not open") }
    return term
  }

  private var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard next == scalar else { return false }
    position += 1
    return true
  }

  private mutating func alternatives() throws(Problem) -> Term {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.depthLimit else { throw Problem(reason: "nests too deeply") }
    let (outerCase, outerDot) = (ignoresCase, dotTakesNewlines)
    defer { (ignoresCase, dotTakesNewlines) = (outerCase, outerDot) }
    var all = [try sequence()]
    while take("|") { all.append(try sequence()) }
    return all.count == 1 ? all[0] : .any(all)
  }

  private mutating func sequence() throws(Problem) -> Term {
    var terms: [Term] = []
    while let scalar = next, scalar != "|", scalar != ")" { terms.append(try repeated(try atom())) }
    return .all(terms)
  }

  private mutating func repeated(_ atom: Term) throws(Problem) -> Term {
    var term = atom
    while let scalar = next {
      switch scalar {
      case "*": term = .times(term, 0, nil)
      case "+": term = .times(term, 1, nil)
      case "?": term = .times(term, 0, 1)
      case "{":
        guard let (least, most) = try counts() else { return term }
        term = .times(term, least, most)
        _ = take("?")
        continue
      default: return term
      }
      position += 1
      _ = take("?")
    }
    return term
  }

  /// `{2}`, `{2,}` or `{2,5}`; nil, and nothing read, when the brace is only a brace.
  private mutating func counts() throws(Problem) -> (Int, Int?)? {
    let start = position
    position += 1
    let least = number()
    var most = least
    if take(",") { most = number() }
    guard let least, take("}") else {
      position = start
      return nil
    }
    guard max(least, most ?? 0) <= Self.countLimit, most ?? least >= least else {
      throw Problem(reason: "repeats from \(least) to \(most.map { "\($0)" } ?? "any number of") times")
    }
    return (least, most)
  }

  private mutating func number() -> Int? {
    var value: Int?
    while let scalar = next, ("0"..."9").contains(scalar) {
      value = min((value ?? 0) * 10 + Int(scalar.value - 0x30), 1 << 20)
      position += 1
    }
    return value
  }

  private func one(_ set: ScalarSet) -> Term {
    var set = set
    set.ignoresCase = ignoresCase
    return .one(set)
  }

  private mutating func atom() throws(Problem) -> Term {
    let scalar = scalars[position]
    if scalar == "{", try counts() != nil { throw Problem(reason: "repeats nothing") }
    position += 1
    switch scalar {
    case ".": return .one(dotTakesNewlines ? .all : ScalarSet.newline.negated)
    case "^": return .boundary(.start)
    case "$": return .boundary(.end)
    case "(": return try group()
    case "[": return one(try bracketed())
    case "\\": return try escaped()
    case "*", "+", "?": throw Problem(reason: "repeats nothing")
    default: return one(ScalarSet(String(scalar)))
    }
  }

  private mutating func group() throws(Problem) -> Term {
    let outerFlags = (ignoresCase, dotTakesNewlines)
    if take("?") {
      if take("P") || next == "<" {
        guard take("<") else { throw Problem(reason: "has a group of an unknown kind") }
        while let scalar = next, scalar != ">" { _ = take(scalar) }
        guard take(">") else { throw Problem(reason: "has a group without the end of its name") }
      } else if try flags() {
        return .all([])
      }
    }
    let term = try alternatives()
    guard take(")") else { throw Problem(reason: "does not close a group") }
    (ignoresCase, dotTakesNewlines) = outerFlags
    return term
  }

  /// Reads `i-s:` or `i-s)`; true when the flags hold for the rest of the group they are in.
  private mutating func flags() throws(Problem) -> Bool {
    var value = true
    while let scalar = next {
      position += 1
      switch scalar {
      case "-": value = false
      case "i": ignoresCase = value
      case "s": dotTakesNewlines = value
      case "U": break
      case ":": return false
      case ")": return true
      default: throw Problem(reason: "has a group of an unknown kind")
      }
    }
    throw Problem(reason: "does not close a group")
  }

  private mutating func escaped() throws(Problem) -> Term {
    switch next {
    case "b": position += 1; return .boundary(.word)
    case "B": position += 1; return .boundary(.noWord)
    case "A": position += 1; return .boundary(.start)
    case "z": position += 1; return .boundary(.end)
    default: return one(try escapedSet())
    }
  }

  /// What follows a backslash, outside and inside brackets.
  private mutating func escapedSet() throws(Problem) -> ScalarSet {
    guard let scalar = next else { throw Problem(reason: "ends with a backslash") }
    position += 1
    switch scalar {
    case "d": return .digit
    case "D": return ScalarSet.digit.negated
    case "w": return .word
    case "W": return ScalarSet.word.negated
    case "s": return .space
    case "S": return ScalarSet.space.negated
    case "t": return ScalarSet("\t")
    case "n": return ScalarSet("\n")
    case "r": return ScalarSet([0x0D...0x0D])
    case "f": return ScalarSet([0x0C...0x0C])
    case "v": return ScalarSet([0x0B...0x0B])
    case "a": return ScalarSet([0x07...0x07])
    case "x": return try hexadecimal()
    default:
      guard !scalar.properties.isAlphabetic, !("0"..."9").contains(scalar) else {
        throw Problem(reason: "escapes “\(scalar)”, which means nothing here")
      }
      return ScalarSet(String(scalar))
    }
  }

  private mutating func hexadecimal() throws(Problem) -> ScalarSet {
    let isBraced = take("{")
    var digits = ""
    while let scalar = next, scalar.properties.isASCIIHexDigit, digits.utf8.count < (isBraced ? 6 : 2) {
      digits.unicodeScalars.append(scalar)
      position += 1
    }
    guard let value = UInt32(digits, radix: 16), value <= 0x10FFFF, !isBraced || take("}") else {
      throw Problem(reason: "has a malformed \\x")
    }
    return ScalarSet([value...value])
  }

  /// What is inside brackets; the opening one is read.
  private mutating func bracketed() throws(Problem) -> ScalarSet {
    let isNegated = take("^")
    var ranges: [ClosedRange<UInt32>] = []
    var isFirst = true
    while let scalar = next, scalar != "]" || isFirst {
      isFirst = false
      if let named = try namedClass() { ranges += named.plainRanges; continue }
      let low = try member()
      guard low.count == 1, low[0].count == 1, next == "-", position + 1 < scalars.count, scalars[position + 1] != "]" else {
        ranges += low
        continue
      }
      position += 1
      let high = try member()
      guard high.count == 1, high[0].count == 1, high[0].lowerBound >= low[0].lowerBound else {
        throw Problem(reason: "has a range that ends before it starts")
      }
      ranges.append(low[0].lowerBound...high[0].lowerBound)
    }
    guard take("]") else { throw Problem(reason: "does not close a bracket") }
    return ScalarSet(ranges, isNegated: isNegated)
  }

  private mutating func member() throws(Problem) -> [ClosedRange<UInt32>] {
    let scalar = scalars[position]
    position += 1
    guard scalar == "\\" else { return [scalar.value...scalar.value] }
    return try escapedSet().plainRanges
  }

  /// `[:alpha:]` and the like.
  private mutating func namedClass() throws(Problem) -> ScalarSet? {
    guard next == "[", position + 1 < scalars.count, scalars[position + 1] == ":" else { return nil }
    position += 2
    let isNegated = take("^")
    var name = ""
    while let scalar = next, scalar != ":" {
      name.unicodeScalars.append(scalar)
      position += 1
    }
    guard take(":"), take("]"), let ranges = Self.classes[name] else {
      throw Problem(reason: "names a class that does not exist")
    }
    return ScalarSet(ranges, isNegated: isNegated)
  }

  private static let classes: [String: [ClosedRange<UInt32>]] = [
    "alnum": [0x30...0x39, 0x41...0x5A, 0x61...0x7A], "alpha": [0x41...0x5A, 0x61...0x7A], "ascii": [0...0x7F],
    "blank": [0x09...0x09, 0x20...0x20], "cntrl": [0...0x1F, 0x7F...0x7F], "digit": [0x30...0x39],
    "graph": [0x21...0x7E], "lower": [0x61...0x7A], "print": [0x20...0x7E],
    "punct": [0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E], "space": [0x09...0x0D, 0x20...0x20],
    "upper": [0x41...0x5A], "word": [0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A],
    "xdigit": [0x30...0x39, 0x41...0x46, 0x61...0x66],
  ]
}
