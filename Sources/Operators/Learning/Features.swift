import GraphIR
import Tensors

/// The operator set of classical learning.
enum Learning {
  static let domain = "ai.onnx.ml"
}

/// `ai.onnx.ml` `ArrayFeatureExtractor`: the columns of x that the indices name.
struct ArrayFeatureExtractor: CompositeOperator {
  static let signatures = [Signature("ArrayFeatureExtractor", domain: Learning.domain)]

  init(_ node: NodeReader) throws(OperatorError) { try node.expectInputs(2...2) }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    let columns = expansion.reshape(try expansion.input(1), [-1])
    let picked = expansion.apply("Gather", [try expansion.input(0), columns], ["axis": .int(-1)])
    guard let rank = try? expansion.rank(0), rank == 1 else { return [picked] }
    return [expansion.unsqueeze(picked, [0])]
  }
}

/// `ai.onnx.ml` `Binarizer`: 1 where x is above the threshold, 0 elsewhere.
struct Binarizer: CompositeOperator {
  static let signatures = [Signature("Binarizer", domain: Learning.domain)]

  private let threshold: Float

  init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    threshold = try node.float("threshold", default: 0)
  }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    let x = try expansion.input(0)
    let isAbove = expansion.apply("Greater", [x, expansion.like(expansion.constant(threshold), x)])
    return [expansion.like(isAbove, x)]
  }
}

/// `ai.onnx.ml` `Scaler`: (x - offset) · scale, for all columns or for each, as floats.
struct Scaler: CompositeOperator {
  static let signatures = [Signature("Scaler", domain: Learning.domain)]

  private let offset: [Float]
  private let scale: [Float]

  init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    offset = try node.floats("offset") ?? [0]
    scale = try node.floats("scale") ?? [1]
  }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    let x = expansion.cast(try expansion.input(0), to: .float32)
    let shifted = expansion.apply("Sub", [x, expansion.constant(Tensor(offset))])
    return [expansion.multiply(shifted, expansion.constant(Tensor(scale)))]
  }
}

/// `ai.onnx.ml` `Normalizer`: each row by its greatest element, by the sum of its magnitudes, or by its length.
struct Normalizer: CompositeOperator {
  static let signatures = [Signature("Normalizer", domain: Learning.domain)]

  private let reduction: String

  init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    let reductions = ["MAX": "ReduceMax", "L1": "ReduceL1", "L2": "ReduceL2"]
    let norm = try node.string("norm", default: "MAX")
    guard let name = reductions[norm] else { throw node.invalid("there is no norm “\(norm)”") }
    reduction = name
  }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    let x = expansion.cast(try expansion.input(0), to: .float32)
    let size = expansion.apply(reduction, [x, expansion.constant(ints: [-1])], ["keepdims": .int(1)])
    // A row of zeros stays one.
    let isZero = expansion.apply("Equal", [size, expansion.constant(0)])
    return [expansion.apply("Div", [x, expansion.apply("Where", [isZero, expansion.constant(1), size])])]
  }
}

/// `ai.onnx.ml` `Imputer`: what is missing in a column replaced by that column's number.
struct Imputer: CompositeOperator {
  static let signatures = [Signature("Imputer", domain: Learning.domain)]

  private let floats: (missing: Float, filling: [Float])?
  private let integers: (missing: Int, filling: [Int])?

  init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    floats = try node.floats("imputed_value_floats").map { values throws(OperatorError) in
      (try node.float("replaced_value_float", default: 0), values)
    }
    integers = try node.ints("imputed_value_int64s").map { values throws(OperatorError) in
      (try node.int("replaced_value_int64", default: 0), values)
    }
    guard floats != nil || integers != nil else { throw node.invalid("it has nothing to put for what is missing") }
  }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    let x = try expansion.input(0)
    if let integers {
      let missing = expansion.constant(Tensor(scalar: Int64(integers.missing)))
      let isMissing = expansion.apply("Equal", [x, missing])
      return [expansion.apply("Where", [isMissing, expansion.constant(ints: integers.filling), x])]
    }
    guard let floats else { throw expansion.invalid("it has nothing to put for what is missing") }
    let isMissing =
      floats.missing.isNaN
      ? expansion.apply("IsNaN", [x])
      : expansion.apply("Equal", [x, expansion.like(expansion.constant(floats.missing), x)])
    return [expansion.apply("Where", [isMissing, expansion.like(expansion.constant(Tensor(floats.filling)), x), x])]
  }
}

/// `ai.onnx.ml` `LinearRegressor`: x times coefficients [targets, features], plus intercepts.
struct LinearRegressor: CompositeOperator {
  static let signatures = [Signature("LinearRegressor", domain: Learning.domain)]

  private let coefficients: [Float]
  private let intercepts: [Float]
  private let targets: Int
  private let transform: ScoreTransform

  init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    coefficients = try node.floats("coefficients") ?? []
    intercepts = try node.floats("intercepts") ?? []
    targets = try node.int("targets", default: 1)
    transform = try ScoreTransform(node)
    guard targets > 0, !coefficients.isEmpty, coefficients.count.isMultiple(of: targets) else {
      throw node.invalid("\(coefficients.count) coefficients are not for \(targets) targets")
    }
  }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    let x = expansion.cast(try expansion.input(0), to: .float32)
    let matrix = Tensor(coefficients, shape: [targets, coefficients.count / targets])
    var y = expansion.apply("Gemm", [x, expansion.constant(matrix)], ["transB": .int(1)])
    if !intercepts.isEmpty { y = expansion.add(y, expansion.constant(Tensor(intercepts))) }
    return [transform.apply(to: y, &expansion)]
  }
}

/// What classical models do to their scores in the end.
enum ScoreTransform: String, Sendable {
  case none = "NONE"
  case softmax = "SOFTMAX"
  case logistic = "LOGISTIC"
  case softmaxZero = "SOFTMAX_ZERO"
  case probit = "PROBIT"

  init(_ node: NodeReader) throws(OperatorError) {
    let name = try node.string("post_transform", default: "NONE")
    guard let transform = ScoreTransform(rawValue: name) else {
      throw node.invalid("there is no “post_transform” named “\(name)”")
    }
    guard transform == .none || transform == .softmax || transform == .logistic else {
      throw node.unsupported("the “post_transform” \(name) is not implemented")
    }
    self = transform
  }

  func apply(to scores: ValueID, _ expansion: inout Expansion) -> ValueID {
    switch self {
    case .softmax: expansion.apply("Softmax", [scores], ["axis": .int(-1)])
    case .logistic: expansion.apply("Sigmoid", [scores])
    case .none, .softmaxZero, .probit: scores
    }
  }
}
