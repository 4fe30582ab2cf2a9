import GraphIR
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Decision trees whose leaves add weights to targets: what the tree operators of `ai.onnx.ml` share.
struct TreeForest: Sendable {
  enum Mode: UInt8, Sendable {
    case atMost, below, atLeast, above, equal, unequal, member
  }

  /// A question: feature · mode · value. Where to go is the index of a node, or a leaf's index with all bits flipped.
  struct Question: Sendable {
    var feature: Int
    var mode: Mode
    var value: Double
    /// The values that `member` asks for: a range of `members`.
    var members: Range<Int> = 0..<0
    var yes: Int
    var no: Int
    var missingIsYes: Bool
  }

  enum Aggregate: Int, Sendable { case average, sum, least, greatest }

  var questions: [Question] = []
  var members: [Double] = []
  /// For each leaf, a range of `weights`.
  var leaves: [Range<Int>] = []
  var weights: [(target: Int, weight: Double)] = []
  /// Where each tree starts, as `Question.yes` says it.
  var roots: [Int] = []
  var targets = 1
  var base: [Double] = []
  var aggregate = Aggregate.sum
  /// One more than the greatest feature that is asked for.
  var featureCount: Int { (questions.map(\.feature).max() ?? -1) + 1 }

  /// Throws when something leads nowhere, or in circles.
  func check(_ node: NodeReader) throws(OperatorError) {
    func exists(_ place: Int) -> Bool { place >= 0 ? questions.indices.contains(place) : leaves.indices.contains(~place) }
    guard (1...SlidingWindow.largestAttribute).contains(targets), base.isEmpty || base.count == targets else {
      throw node.invalid("there are \(base.count) base values for \(targets) targets")
    }
    guard roots.allSatisfy(exists), questions.allSatisfy({ exists($0.yes) && exists($0.no) && $0.feature >= 0 }) else {
      throw node.invalid("a tree leads to a node that does not exist")
    }
    guard weights.allSatisfy({ (0..<targets).contains($0.target) }) else {
      throw node.invalid("a leaf has a target that does not exist")
    }
    // 1: on the way down; 2: known to end.
    var state = [UInt8](repeating: 0, count: questions.count)
    for start in questions.indices {
      var path = [start]
      while let place = path.last {
        guard place >= 0, state[place] != 2 else { path.removeLast(); continue }
        if state[place] == 1 {
          state[place] = 2
          path.removeLast()
          continue
        }
        state[place] = 1
        for next in [questions[place].yes, questions[place].no] where next >= 0 {
          guard state[next] != 1 else { throw node.invalid("a tree leads in circles") }
          if state[next] == 0 { path.append(next) }
        }
      }
    }
  }

  private func holds(_ question: Question, _ x: Double) -> Bool {
    if question.missingIsYes, x.isNaN { return true }
    switch question.mode {
    case .atMost: return x <= question.value
    case .below: return x < question.value
    case .atLeast: return x >= question.value
    case .above: return x > question.value
    case .equal: return x == question.value
    case .unequal: return x != question.value
    case .member: return members[question.members].contains(x)
    }
  }

  /// The scores of one row, before any transform.
  ///
  /// - Parameter feature: element `index` of the row.
  @inline(__always)
  func scores(_ feature: (Int) -> Double, into scores: UnsafeMutablePointer<Double>) {
    let start: Double
    switch aggregate {
    case .sum, .average: start = 0
    case .least: start = .infinity
    case .greatest: start = -.infinity
    }
    for target in 0..<targets { scores[target] = start }
    for root in roots {
      var place = root
      while place >= 0 { place = holds(questions[place], feature(questions[place].feature)) ? questions[place].yes : questions[place].no }
      for index in leaves[~place] {
        let (target, weight) = weights[index]
        switch aggregate {
        case .sum, .average: scores[target] += weight
        case .least: scores[target] = min(scores[target], weight)
        case .greatest: scores[target] = max(scores[target], weight)
        }
      }
    }
    for target in 0..<targets {
      if aggregate == .average, !roots.isEmpty { scores[target] /= Double(roots.count) }
      if scores[target].isInfinite { scores[target] = 0 }
      if !base.isEmpty { scores[target] += base[target] }
    }
  }
}

extension TreeForest {
  /// The trees as the operators before version 5 of the operator set describe them, by ids.
  ///
  /// - Parameter leaf: the prefix of the attributes about leaves: `target` or `class`.
  init(_ node: NodeReader, leaf: String) throws(OperatorError) {
    func list(_ name: String) throws(OperatorError) -> [Int] { try node.ints(name) ?? [] }
    func numbers(_ name: String) throws(OperatorError) -> [Double] {
      if let tensor = try node.tensor("\(name)_as_tensor") {
        return (0..<tensor.count).map { ElementAccess.double(tensor.baseAddress, $0, tensor.dataType) }
      }
      return (try node.floats(name) ?? []).map(Double.init)
    }
    let trees = try list("nodes_treeids"), ids = try list("nodes_nodeids"), features = try list("nodes_featureids")
    let yes = try list("nodes_truenodeids"), no = try list("nodes_falsenodeids"), values = try numbers("nodes_values")
    let missing = try list("nodes_missing_value_tracks_true")
    guard case .strings(let names)? = node.node.attributes["nodes_modes"] else {
      throw node.invalid("the attribute “nodes_modes” is missing")
    }
    let counts = [ids, features, yes, no].map(\.count) + [values.count, names.count]
    guard counts.allSatisfy({ $0 == trees.count }), missing.isEmpty || missing.count == trees.count else {
      throw node.invalid("the lists about nodes have different lengths")
    }
    struct Key: Hashable { var tree: Int, id: Int }
    let modes: [String: Mode] = [
      "BRANCH_LEQ": .atMost, "BRANCH_LT": .below, "BRANCH_GTE": .atLeast, "BRANCH_GT": .above, "BRANCH_EQ": .equal,
      "BRANCH_NEQ": .unequal,
    ]
    var places: [Key: Int] = [:]
    var chosen: [(row: Int, mode: Mode)] = []
    for row in trees.indices {
      let name = String(decoding: names[row], as: UTF8.self), key = Key(tree: trees[row], id: ids[row])
      guard places[key] == nil else { throw node.invalid("node \(ids[row]) of tree \(trees[row]) is given twice") }
      if name == "LEAF" {
        places[key] = ~leaves.count
        leaves.append(0..<0)
      } else if let mode = modes[name] {
        places[key] = chosen.count
        chosen.append((row, mode))
      } else {
        throw node.invalid("there is no mode “\(name)”")
      }
    }
    var called: Set<Key> = []
    for (row, mode) in chosen {
      let down = [Key(tree: trees[row], id: yes[row]), Key(tree: trees[row], id: no[row])]
      guard let first = places[down[0]], let second = places[down[1]] else {
        throw node.invalid("node \(ids[row]) of tree \(trees[row]) leads to one that does not exist")
      }
      called.formUnion(down)
      questions.append(
        Question(
          feature: features[row], mode: mode, value: values[row], yes: first, no: second,
          missingIsYes: missing.isEmpty ? false : missing[row] != 0))
    }
    var rooted: Set<Int> = []
    for row in trees.indices {
      let key = Key(tree: trees[row], id: ids[row])
      guard !called.contains(key) else { continue }
      roots.append(places[key]!)
      guard rooted.insert(trees[row]).inserted else { throw node.invalid("tree \(trees[row]) has two roots") }
    }
    guard rooted.isSuperset(of: trees) else { throw node.invalid("a tree leads in circles: nothing is its root") }
    let leafTrees = try list("\(leaf)_treeids"), leafIDs = try list("\(leaf)_nodeids")
    let leafTargets = try list("\(leaf)_ids"), leafWeights = try numbers("\(leaf)_weights")
    guard [leafIDs.count, leafTargets.count, leafWeights.count].allSatisfy({ $0 == leafTrees.count }) else {
      throw node.invalid("the lists about leaves have different lengths")
    }
    var byLeaf: [Int: [Int]] = [:]
    for row in leafTrees.indices {
      guard let place = places[Key(tree: leafTrees[row], id: leafIDs[row])], place < 0 else {
        throw node.invalid("a weight belongs to no leaf")
      }
      byLeaf[~place, default: []].append(row)
    }
    for leaf in leaves.indices {
      let start = weights.count
      for row in byLeaf[leaf] ?? [] { weights.append((leafTargets[row], leafWeights[row])) }
      leaves[leaf] = start..<weights.count
    }
    base = try numbers("base_values")
    let names2: [String: Aggregate] = ["AVERAGE": .average, "SUM": .sum, "MIN": .least, "MAX": .greatest]
    let name = try node.string("aggregate_function", default: "SUM")
    guard let function = names2[name] else { throw node.invalid("there is no aggregate function “\(name)”") }
    aggregate = function
  }

  /// The trees as version 5 of the operator set describes them, by position.
  init(ensemble node: NodeReader) throws(OperatorError) {
    func numbers(_ name: String) throws(OperatorError) -> [Double]? {
      guard let tensor = try node.tensor(name) else { return nil }
      return (0..<tensor.count).map { ElementAccess.double(tensor.baseAddress, $0, tensor.dataType) }
    }
    let features = try node.ints("nodes_featureids") ?? [], splits = try numbers("nodes_splits") ?? []
    let modes = try numbers("nodes_modes") ?? [], missing = try node.ints("nodes_missing_value_tracks_true") ?? []
    let yes = try node.ints("nodes_truenodeids") ?? [], no = try node.ints("nodes_falsenodeids") ?? []
    let yesLeaves = try node.ints("nodes_trueleafs") ?? [], noLeaves = try node.ints("nodes_falseleafs") ?? []
    let leafTargets = try node.ints("leaf_targetids") ?? [], leafWeights = try numbers("leaf_weights") ?? []
    let counts = [splits.count, modes.count, yes.count, no.count, yesLeaves.count, noLeaves.count]
    guard counts.allSatisfy({ $0 == features.count }), missing.isEmpty || missing.count == features.count,
      leafTargets.count == leafWeights.count, (yes + no).allSatisfy({ $0 >= 0 })
    else { throw node.invalid("the lists about nodes or leaves have different lengths") }
    // The values of one question end with NaN; questions take them in order.
    members = try numbers("membership_values") ?? []
    var next = 0
    for index in features.indices {
      guard let mode = Mode(rawValue: UInt8(clamping: Int(modes[index]))) else {
        throw node.invalid("there is no mode \(modes[index])")
      }
      var range = 0..<0
      if mode == .member {
        let start = next
        while next < members.count, !members[next].isNaN { next += 1 }
        range = start..<next
        next = min(next + 1, members.count)
      }
      questions.append(
        Question(
          feature: features[index], mode: mode, value: splits[index], members: range,
          yes: yesLeaves[index] != 0 ? ~yes[index] : yes[index], no: noLeaves[index] != 0 ? ~no[index] : no[index],
          missingIsYes: missing.isEmpty ? false : missing[index] != 0))
    }
    for index in leafTargets.indices {
      leaves.append(index..<index + 1)
      weights.append((leafTargets[index], leafWeights[index]))
    }
    roots = try node.ints("tree_roots") ?? []
    guard roots.allSatisfy({ $0 >= 0 }) else { throw node.invalid("a root is negative") }
    targets = try node.int("n_targets", default: 1)
    guard let function = Aggregate(rawValue: try node.int("aggregate_function", default: 1)) else {
      throw node.invalid("this attribute “aggregate_function” does not exist")
    }
    aggregate = function
  }
}

/// What tree operators do to the scores of a row in the end.
enum RowTransform: Int, Sendable {
  case none, softmax, logistic, softmaxZero, probit

  init(_ node: NodeReader, isNumbered: Bool) throws(OperatorError) {
    let transform: RowTransform?
    if isNumbered {
      transform = RowTransform(rawValue: try node.int("post_transform", default: 0))
    } else {
      let names: [String: RowTransform] = [
        "NONE": .none, "SOFTMAX": .softmax, "LOGISTIC": .logistic, "SOFTMAX_ZERO": .softmaxZero, "PROBIT": .probit,
      ]
      transform = names[try node.string("post_transform", default: "NONE")]
    }
    guard let transform else { throw node.invalid("this attribute “post_transform” does not exist") }
    guard transform != .probit else { throw node.unsupported("the “post_transform” PROBIT is not implemented") }
    self = transform
  }

  func apply(_ scores: UnsafeMutablePointer<Double>, _ count: Int) {
    switch self {
    case .none, .probit: return
    case .logistic: for k in 0..<count { scores[k] = 1 / (1 + exp(-scores[k])) }
    case .softmax, .softmaxZero:
      var top = -Double.infinity, sum = 0.0
      for k in 0..<count { top = max(top, scores[k]) }
      for k in 0..<count {
        // Scores of 0 stay 0 in one of the two.
        scores[k] = self == .softmaxZero && scores[k] == 0 ? 0 : exp(scores[k] - top)
        sum += scores[k]
      }
      for k in 0..<count where sum > 0 { scores[k] /= sum }
    }
  }
}
