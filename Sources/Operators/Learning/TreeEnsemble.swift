import GraphIR
import Tensors

/// `ai.onnx.ml` `TreeEnsemble` and `TreeEnsembleRegressor`: the scores [rows, targets] that decision trees give to rows.
public struct TreeEnsemble: Operator {
  public static let signatures = ["TreeEnsemble", "TreeEnsembleRegressor"].map { Signature($0, domain: Learning.domain) }

  private let forest: TreeForest
  private let transform: RowTransform
  /// Whether scores are of the rows' type; otherwise they are floats.
  private let keepsType: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    keepsType = node.node.operatorName == "TreeEnsemble"
    var forest = try keepsType ? TreeForest(ensemble: node) : TreeForest(node, leaf: "target")
    forest.targets = try node.int("n_targets", default: 1)
    try forest.check(node)
    self.forest = forest
    transform = try RowTransform(node, isNumbered: keepsType)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let (type, rows) = try context.treeInput(features: forest.featureCount)
    return [try context.outputType(keepsType ? type : .float32, [rows, .fixed(forest.targets)])]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let (x, output) = (try context.input(0), try context.output(0))
    let (rows, columns) = (output.shape[0], x.shape.dims.last!)
    let (forest, transform, xType, type) = (forest, transform, x.dataType, output.dataType)
    return Kernel(scratchByteCount: forest.targets * 8) { operands in
      let scores = operands.exec.pointee.scratch!.assumingMemoryBound(to: Double.self)
      let base = operands.rawInput(0), target = operands.rawOutput(0)
      for row in 0..<rows {
        forest.scores({ ElementAccess.double(base, row * columns + $0, xType) }, into: scores)
        transform.apply(scores, forest.targets)
        for k in 0..<forest.targets { ElementAccess.store(scores[k], target, row * forest.targets + k, type) }
      }
    }
  }
}

/// `ai.onnx.ml` `TreeEnsembleClassifier`: the label [rows] and the scores [rows, classes] that decision trees give.
public struct TreeEnsembleClassifier: Operator {
  public static let signatures = [Signature("TreeEnsembleClassifier", domain: Learning.domain)]

  private let forest: TreeForest
  private let transform: RowTransform
  private let labels: [Int]
  /// Two classes of which leaves only weigh one.
  private let isBinary: Bool
  private let isPositive: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    var forest = try TreeForest(node, leaf: "class")
    guard let labels = try node.ints("classlabels_int64s"), !labels.isEmpty else {
      throw node.unsupported("labels that are no integers are not implemented")
    }
    self.labels = labels
    let used = Set(forest.weights.map(\.target))
    isBinary = labels.count == 2 && used.count == 1 && forest.base.count <= 1
    if isBinary { forest.weights = forest.weights.map { (0, $0.weight) } }
    isPositive = forest.weights.allSatisfy { $0.weight >= 0 }
    forest.targets = isBinary ? 1 : labels.count
    try forest.check(node)
    self.forest = forest
    transform = try RowTransform(node, isNumbered: false)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let (_, rows) = try context.treeInput(features: forest.featureCount)
    return [
      .tensor(TensorType(.int64, [rows])), try context.outputType(.float32, [rows, .fixed(labels.count)]),
    ]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let x = try context.input(0), columns = x.shape.dims.last!
    let rows = x.shape.rank == 1 ? 1 : x.shape[0]
    let wantsLabels = context.outputs[0] != nil, wantsScores = context.outputs.count > 1 && context.outputs[1] != nil
    let (classifier, type, count) = (self, x.dataType, labels.count)
    return Kernel(scratchByteCount: max(count, 2) * 8) { operands in
      let scores = operands.exec.pointee.scratch!.assumingMemoryBound(to: Double.self)
      let base = operands.rawInput(0)
      for row in 0..<rows {
        classifier.forest.scores({ ElementAccess.double(base, row * columns + $0, type) }, into: scores)
        let label = classifier.finish(scores)
        if wantsLabels { operands.output(0, as: Int64.self)[row] = Int64(label) }
        guard wantsScores else { continue }
        for k in 0..<count { operands.output(1, as: Float.self)[row * count + k] = Float(scores[k]) }
      }
    }
  }

  /// Turns what the leaves add up to into scores for all classes; returns the label.
  private func finish(_ scores: UnsafeMutablePointer<Double>) -> Int {
    guard isBinary else {
      var best = 0
      for k in 1..<max(labels.count, 1) where scores[k] > scores[best] { best = k }
      transform.apply(scores, labels.count)
      return labels[best]
    }
    let score = scores[0]
    if isPositive {
      (scores[0], scores[1]) = (1 - score, score)
      return labels[score > 0.5 ? 1 : 0]
    }
    (scores[0], scores[1]) = (-score, score)
    if transform == .logistic { transform.apply(scores, 2) }
    return labels[score > 0 ? 1 : 0]
  }
}

extension InferenceContext {
  /// Element type and number of rows of the input of a tree operator, checked.
  func treeInput(features: Int) throws(OperatorError) -> (type: DataType?, rows: Dimension) {
    let type = try elementType(0, in: DataType.floats.union([.int32, .int64]))
    guard let dims = try dims(0, rank: 1...2) else { return (type, .unknown) }
    if let columns = dims.last?.value, columns < features {
      throw invalid("rows of \(columns) features do not have feature \(features - 1)")
    }
    return (type, dims.count == 1 ? 1 : dims[0])
  }
}
