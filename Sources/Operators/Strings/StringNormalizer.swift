import GraphIR
import Tensors

/// ONNX `StringNormalizer`: the strings without stop words, in another case if asked; one empty string if none is left.
///
/// Case follows Unicode whatever the attribute `locale` says.
public struct StringNormalizer: HostOperator {
  public static let signatures = [Signature("StringNormalizer", versions: 10...Signature.newestOpset)]

  private enum Change { case none, lower, upper }

  private let change: Change
  private let isCaseSensitive: Bool
  private let stopWords: Set<String>

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    switch try node.string("case_change_action", default: "NONE") {
    case "NONE": change = .none
    case "LOWER": change = .lower
    case "UPPER": change = .upper
    case let other: throw node.invalid("the case change “\(other)” does not exist")
    }
    let isCaseSensitive = try node.bool("is_case_sensitive", default: false)
    var words: [String] = []
    if case .strings(let given)? = node.node.attributes["stopwords"] {
      words = given.map { String(decoding: $0, as: UTF8.self) }
    }
    self.isCaseSensitive = isCaseSensitive
    stopWords = Set(isCaseSensitive ? words : words.map { $0.lowercased() })
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    _ = try context.elementType(0, in: [.string])
    guard let dims = try context.dims(0, rank: 1...2) else { return [.tensor(TensorType(.string, nil as [Dimension]?))] }
    if dims.count == 2, let rows = dims[0].value, rows != 1 {
      throw context.invalid("a matrix of strings must have one row, not \(rows)")
    }
    return [.tensor(TensorType(.string, dims.count == 1 ? [.unknown] : [1, .unknown]))]
  }

  public func evaluate(_ context: EvaluationContext) throws(OperatorError) -> [RuntimeValue] {
    let rank = try context.tensor(0).shape.rank
    var kept = try context.strings(0).filter { !stopWords.contains(isCaseSensitive ? $0 : $0.lowercased()) }
    switch change {
    case .none: break
    case .lower: kept = kept.map { $0.lowercased() }
    case .upper: kept = kept.map { $0.uppercased() }
    }
    if kept.isEmpty { kept = [""] }
    return [.tensor(try context.makeTensor(strings: kept, rank == 1 ? [kept.count] : [1, kept.count]))]
  }
}
