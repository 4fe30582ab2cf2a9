import GraphIR
import Operators
import Tensors
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

@Suite struct LossTests {
  private struct Case {
    var reduction: String
    var weighted: Bool
    var ignored: Int?
  }

  private static let cases = ["none", "sum", "mean"].flatMap { reduction in
    [false, true].flatMap { weighted in
      [nil, 1].map { Case(reduction: reduction, weighted: weighted, ignored: $0) }
    }
  }

  /// The loss of logarithms `[2, 5, 3]` for targets `[2, 3]`.
  private func loss(_ logs: [Double], _ targets: [Int], _ weights: [Double], _ c: Case) -> Expected {
    var (losses, used): ([Double], [Double]) = ([], [])
    for (position, target) in targets.enumerated() {
      let weight = target == c.ignored ? 0 : c.weighted ? weights[target] : 1
      losses.append(weight == 0 ? 0 : -weight * logs[(position / 3 * 5 + target) * 3 + position % 3])
      used.append(weight)
    }
    switch c.reduction {
    case "none": return Expected([2, 3], losses)
    case "sum": return Expected([], [losses.reduce(0, +)])
    default: return Expected([], [losses.reduce(0, +) / used.reduce(0, +)])
    }
  }

  private func attributes(_ c: Case) -> [String: Attribute] {
    var result: [String: Attribute] = ["reduction": .string(Array(c.reduction.utf8))]
    if let ignored = c.ignored { result["ignore_index"] = .int(ignored) }
    return result
  }

  @Test func likelihoods() {
    var random = RandomSource(seed: 1)
    let logs = random.tensor([2, 5, 3], in: -3...0), weights = random.tensor([5], in: 0.5...2)
    let targets = [0, 1, 4, 2, 1, 3]
    for c in Self.cases {
      OperatorRunner("NegativeLogLikelihoodLoss", version: 13, attributes: attributes(c)).expect(
        [logs, int64s(targets, shape: [2, 3]), c.weighted ? weights : nil],
        gives: [loss(logs.doubles!, targets, weights.doubles!, c)], "\(c)")
    }
  }

  @Test func crossEntropies() {
    var random = RandomSource(seed: 2)
    let scores = random.tensor([2, 5, 3], in: -30...30), weights = random.tensor([5], in: 0.5...2)
    let targets = [4, 1, 0, 1, 2, 2]
    var logs = scores.doubles!
    for n in 0..<2 {
      for s in 0..<3 {
        let places = (0..<5).map { (n * 5 + $0) * 3 + s }
        let sum = log(places.reduce(0) { $0 + exp(scores.doubles![$1]) })
        for place in places { logs[place] -= sum }
      }
    }
    for c in Self.cases {
      OperatorRunner("SoftmaxCrossEntropyLoss", version: 13, attributes: attributes(c), outputs: [true, true]).expect(
        [scores, Tensor(targets.map(Int32.init), shape: [2, 3]), c.weighted ? weights : nil],
        gives: [loss(logs, targets, weights.doubles!, c), Expected([2, 5, 3], logs)], "\(c)")
    }
  }

  @Test func targetsMustBeClasses() {
    let logs = numbered([2, 3])
    for name in ["NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"] {
      OperatorRunner(name, version: 13).expectRefusal([logs, int64s([0, 3])])
      OperatorRunner(name, version: 13).expectRefusal([logs, int64s([-1, 0])])
      OperatorRunner(name, version: 13).expectRefusal([logs, int64s([0, 0, 0])])
      OperatorRunner(name, version: 13).expectRefusal([logs, int64s([0, 0]), numbered([4])])
      OperatorRunner(name, version: 13, attributes: ["reduction": .string(Array("max".utf8))])
        .expectRefusal([logs, int64s([0, 0])])
    }
    OperatorRunner("NegativeLogLikelihoodLoss", version: 13, attributes: ["ignore_index": .int(-7)])
      .expect([logs, int64s([-7, 1])], gives: [Expected([], [-4])])
  }
}
