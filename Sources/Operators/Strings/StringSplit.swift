import GraphIR
import Tensors

/// ONNX `StringSplit`: the pieces of each string between delimiters along a new last axis, filled up with empty strings,
/// and how many pieces each has.
///
/// Without a delimiter strings are split at runs of white space, which is dropped at both ends.
public struct StringSplit: HostOperator {
  public static let signatures = [Signature("StringSplit", versions: 20...Signature.newestOpset)]

  private let delimiter: [UInt8]
  private let limit: Int?

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    delimiter = Array(try node.string("delimiter", default: "").utf8)
    limit = try node.int("maxsplit").flatMap { $0 < 0 ? nil : $0 }
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    _ = try context.elementType(0, in: [.string])
    let dims = try context.tensor(0).dims
    return [.tensor(TensorType(.string, dims.map { $0 + [.unknown] })), .tensor(TensorType(.int64, dims))]
  }

  public func evaluate(_ context: EvaluationContext) throws(OperatorError) -> [RuntimeValue] {
    let input = try context.tensor(0)
    let pieces = try context.strings(0).map(delimiter.isEmpty ? words : split)
    let most = pieces.map(\.count).max() ?? 0
    let (count, overflow) = input.count.multipliedReportingOverflow(by: most)
    try context.reserve(byteCount: overflow || count > 1 << 40 ? .max : count * 16)
    let filled = pieces.flatMap { $0 + [String](repeating: "", count: most - $0.count) }
    let counts = Tensor(pieces.map { Int64($0.count) }, shape: input.shape)
    let strings = try context.makeTensor(strings: filled, Shape(input.shape.dims + [most]))
    return Array([.tensor(strings), .tensor(counts)].prefix(max(context.node.outputs.count, 1)))
  }

  private func split(_ text: String) -> [String] {
    let bytes = Array(text.utf8)
    var pieces: [String] = []
    guard !bytes.isEmpty else { return pieces }
    var start = 0, position = 0
    while position + delimiter.count <= bytes.count, pieces.count < limit ?? .max {
      guard bytes[position..<(position + delimiter.count)].elementsEqual(delimiter) else { position += 1; continue }
      pieces.append(String(decoding: bytes[start..<position], as: UTF8.self))
      position += delimiter.count
      start = position
    }
    return pieces + [String(decoding: bytes[start...], as: UTF8.self)]
  }

  private func words(_ text: String) -> [String] {
    let scalars = text.unicodeScalars
    var pieces: [String] = []
    var rest = scalars[...].drop { $0.properties.isWhitespace }
    while !rest.isEmpty, pieces.count < limit ?? .max {
      pieces.append(String(rest.prefix { !$0.properties.isWhitespace }))
      rest = rest.drop { !$0.properties.isWhitespace }.drop { $0.properties.isWhitespace }
    }
    guard !rest.isEmpty else { return pieces }
    while let last = rest.last, last.properties.isWhitespace { rest.removeLast() }
    return pieces + [String(rest)]
  }
}
