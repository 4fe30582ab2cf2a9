import GraphIR
import Tensors

/// `ai.onnx.ml` `LinearClassifier`: scores by coefficients [classes, features] and intercepts, and the label of the
/// greatest.
struct LinearClassifier: CompositeOperator {
  static let signatures = [Signature("LinearClassifier", domain: Learning.domain)]

  private let coefficients: [Float]
  private let intercepts: [Float]
  private let labels: Tensor
  private let transform: ScoreTransform

  init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    coefficients = try node.floats("coefficients") ?? []
    intercepts = try node.floats("intercepts") ?? []
    if case .strings(let names)? = node.node.attributes["classlabels_strings"] {
      labels = Tensor(strings: names.map { String(decoding: $0, as: UTF8.self) })
    } else {
      labels = Tensor((try node.ints("classlabels_ints") ?? []).map(Int64.init))
    }
    transform = try ScoreTransform(node)
    guard labels.count > 0, !coefficients.isEmpty, coefficients.count.isMultiple(of: labels.count),
      intercepts.isEmpty || intercepts.count == labels.count
    else { throw node.unsupported("coefficients that are not for each of \(labels.count) classes are not implemented") }
  }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    let x = expansion.cast(try expansion.input(0), to: .float32)
    let matrix = Tensor(coefficients, shape: [labels.count, coefficients.count / labels.count])
    var scores = expansion.apply("Gemm", [x, expansion.constant(matrix)], ["transB": .int(1)])
    if !intercepts.isEmpty { scores = expansion.add(scores, expansion.constant(Tensor(intercepts))) }
    let best = expansion.apply("ArgMax", [scores], ["axis": .int(-1), "keepdims": .int(0)])
    return [expansion.apply("Gather", [expansion.constant(labels), best]), transform.apply(to: scores, &expansion)]
  }
}

/// `ai.onnx.ml` `OneHotEncoder`: for each element a 1 at the place of its category, 0 elsewhere.
struct OneHotEncoder: CompositeOperator {
  static let signatures = [Signature("OneHotEncoder", domain: Learning.domain)]

  private let categories: Tensor

  init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    guard let numbers = try node.ints("cats_int64s") else {
      throw node.unsupported("categories that are no integers are not implemented")
    }
    categories = Tensor(numbers.map(Int64.init))
  }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    let x = expansion.unsqueeze(expansion.cast(try expansion.input(0), to: .int64), [-1])
    return [expansion.cast(expansion.apply("Equal", [x, expansion.constant(categories)]), to: .float32)]
  }
}

/// `ai.onnx.ml` `FeatureVectorizer`: the columns of the inputs beside each other, as floats.
struct FeatureVectorizer: CompositeOperator {
  static let signatures = [Signature("FeatureVectorizer", domain: Learning.domain)]

  init(_ node: NodeReader) throws(OperatorError) { try node.expectInputs(1...Int.max) }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    var parts: [ValueID?] = []
    for index in expansion.node.inputs.indices {
      parts.append(expansion.cast(try expansion.input(index), to: .float32))
    }
    return [expansion.apply("Concat", parts, ["axis": .int(1)])]
  }
}
