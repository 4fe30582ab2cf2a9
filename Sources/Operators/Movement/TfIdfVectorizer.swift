import GraphIR
import Tensors

/// ONNX `TfIdfVectorizer`: how often the n-grams of a pool occur in sequences of numbers or strings, weighted.
///
/// The elements of an n-gram may stand up to `max_skip_count + 1` apart, all at the same distance.
public struct TfIdfVectorizer: HostOperator {
  public static let signatures = [Signature("TfIdfVectorizer", versions: 9...Signature.newestOpset)]

  private enum Weighting: String { case TF, IDF, TFIDF }

  /// An element of a sequence.
  private enum Token: Hashable { case number(Int64), text(String) }

  private let weighting: Weighting
  private let lengths: ClosedRange<Int>
  private let largestSkip: Int
  /// The place in the pool of every n-gram.
  private let pool: [[Token]: Int]
  /// The output column of every n-gram of the pool.
  private let columns: [Int]
  private let weights: [Float]
  private let holdsStrings: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    guard let mode = try node.string("mode"), let weighting = Weighting(rawValue: mode) else {
      throw node.invalid("the attribute “mode” must be TF, IDF or TFIDF")
    }
    self.weighting = weighting
    guard let least = try node.int("min_gram_length"), let greatest = try node.int("max_gram_length"), least >= 1,
      least <= greatest, let skip = try node.int("max_skip_count"), skip >= 0
    else { throw node.invalid("the lengths or skips of the n-grams are missing or make no sense") }
    lengths = least...greatest
    largestSkip = skip
    let tokens: [Token]
    if case .strings(let texts) = node.node.attributes["pool_strings"] {
      tokens = texts.map { .text(String(decoding: $0, as: UTF8.self)) }
      holdsStrings = true
    } else if let numbers = try node.ints("pool_int64s") {
      tokens = numbers.map { .number(Int64($0)) }
      holdsStrings = false
    } else {
      throw node.invalid("it has neither “pool_strings” nor “pool_int64s”")
    }
    guard let starts = try node.ints("ngram_counts"), let columns = try node.ints("ngram_indexes") else {
      throw node.invalid("“ngram_counts” or “ngram_indexes” is missing")
    }
    guard columns.allSatisfy({ 0...SlidingWindow.largestExtent ~= $0 }) else {
      throw node.invalid("“ngram_indexes” has a number that is no column")
    }
    self.columns = columns
    weights = try node.floats("weights") ?? []
    guard weights.isEmpty || weights.count == columns.count else {
      throw node.invalid("there are \(weights.count) weights for \(columns.count) n-grams")
    }
    pool = try Self.pool(tokens, starts, count: columns.count, node)
  }

  private static func pool(
    _ tokens: [Token], _ starts: [Int], count: Int, _ node: NodeReader
  ) throws(OperatorError) -> [[Token]: Int] {
    var result: [[Token]: Int] = [:]
    var place = 0
    for (index, start) in starts.enumerated() {
      let (length, end) = (index + 1, index + 1 < starts.count ? starts[index + 1] : tokens.count)
      guard start >= 0, start <= end, end <= tokens.count, (end - start) % length == 0 else {
        throw node.invalid("“ngram_counts” does not divide the pool into n-grams")
      }
      for first in stride(from: start, to: end, by: length) {
        result[Array(tokens[first..<(first + length)])] = place
        place += 1
      }
    }
    guard place == count else { throw node.invalid("the pool has \(place) n-grams, but there are \(count) columns") }
    return result
  }

  private var width: Int { (columns.max() ?? -1) + 1 }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    _ = try context.elementType(0, in: holdsStrings ? [.string] : [.int32, .int64])
    guard let dims = try context.dims(0, rank: 1...2) else {
      return [.tensor(TensorType(.float32, nil as [Dimension]?))]
    }
    return [try context.outputType(.float32, Array(dims.dropLast()) + [.fixed(width)])]
  }

  public func evaluate(_ context: EvaluationContext) throws(OperatorError) -> [RuntimeValue] {
    let input = try context.tensor(0)
    let (rows, length) = (input.shape.rank == 2 ? input.shape[0] : 1, input.shape.dims.last ?? 0)
    try context.reserve(byteCount: input.count.multipliedReportingOverflow(by: 32).partialValue)
    let tokens: [Token] =
      holdsStrings ? input.strings.map { .text($0) } : (input.integers ?? []).map { .number(Int64($0)) }
    var output = try context.makeTensor(.float32, Shape(input.shape.dims.dropLast() + [width]))
    var counts = [Float](repeating: 0, count: width)
    for row in 0..<rows {
      try context.checkStop()
      for column in counts.indices { counts[column] = 0 }
      try count(tokens[(row * length)..<((row + 1) * length)], into: &counts, context)
      output.withUnsafeMutableBytes { target in
        for (column, value) in counts.enumerated() {
          target.storeBytes(of: value, toByteOffset: (row * width + column) * 4, as: Float.self)
        }
      }
    }
    return [.tensor(output)]
  }

  private func count(
    _ row: ArraySlice<Token>, into counts: inout [Float], _ context: EvaluationContext
  ) throws(OperatorError) {
    var found: [Int: Int] = [:]
    for length in lengths where length <= row.count {
      // Single elements have nothing to skip.
      let furthest = length == 1 ? 1 : min(largestSkip, row.count) + 1
      for step in 1...furthest {
        let reach = (length - 1) * step
        guard reach < row.count else { break }
        try context.checkStop()
        for first in row.startIndex..<(row.endIndex - reach) {
          let gram = (0..<length).map { row[first + $0 * step] }
          if let place = pool[gram] { found[place, default: 0] += 1 }
        }
      }
    }
    for (place, count) in found.sorted(by: { $0.key < $1.key }) {
      let weight = weights.isEmpty ? 1 : weights[place]
      switch weighting {
      case .TF: counts[columns[place]] += Float(count)
      case .IDF: counts[columns[place]] += weight
      case .TFIDF: counts[columns[place]] += Float(count) * weight
      }
    }
  }
}
