import GraphIR
import Operators
import Tensors
import Testing

@Suite struct TreeEnsembleTests {
  private static let domain = "ai.onnx.ml"

  /// feature 0 <= 0 ? (feature 1 < 5 ? 1 : 2) : 3, then a tree that is one leaf.
  private func attributes(yes: [Int] = [1, 2, 0, 0, 0, 0]) -> [String: Attribute] {
    let modes = ["BRANCH_LEQ", "BRANCH_LT", "LEAF", "LEAF", "LEAF", "LEAF"]
    return [
      "nodes_treeids": .ints([0, 0, 0, 0, 0, 1]), "nodes_nodeids": .ints([0, 1, 2, 3, 4, 0]),
      "nodes_featureids": .ints([0, 1, 0, 0, 0, 0]), "nodes_values": .floats([0, 5, 0, 0, 0, 0]),
      "nodes_modes": .strings(modes.map { Array($0.utf8) }), "nodes_truenodeids": .ints(yes),
      "nodes_falsenodeids": .ints([4, 3, 0, 0, 0, 0]),
    ]
  }

  private func regressor(_ extra: [String: Attribute] = [:], yes: [Int] = [1, 2, 0, 0, 0, 0]) -> OperatorRunner {
    let leaves: [String: Attribute] = [
      "target_treeids": .ints([0, 0, 0, 1]), "target_nodeids": .ints([2, 3, 4, 0]), "target_ids": .ints([0, 0, 0, 0]),
      "target_weights": .floats([1, 2, 3, 10]),
    ]
    let all = attributes(yes: yes).merging(leaves) { $1 }.merging(extra) { $1 }
    return OperatorRunner("TreeEnsembleRegressor", domain: Self.domain, version: 3, attributes: all)
  }

  private let rows = Tensor([-1, 4, -1, 5, 1, 0, .nan, 0] as [Float], shape: [4, 2])

  @Test func leavesAddUp() {
    regressor().expect([rows], equals: [Tensor([11, 12, 13, 13] as [Float], shape: [4, 1])])
    regressor(["aggregate_function": .string(Array("AVERAGE".utf8)), "base_values": .floats([0.5])]).expect(
      [rows], equals: [Tensor([6, 6.5, 7, 7] as [Float], shape: [4, 1])])
    regressor(["aggregate_function": .string(Array("MAX".utf8))]).expect(
      [rows], equals: [Tensor([10, 10, 10, 10] as [Float], shape: [4, 1])])
  }

  @Test func theGreatestScoreLabels() {
    let leaves: [String: Attribute] = [
      "class_treeids": .ints([0, 0, 0, 1]), "class_nodeids": .ints([2, 3, 4, 0]), "class_ids": .ints([0, 1, 2, 1]),
      "class_weights": .floats([3, 2, 5, 1]), "classlabels_int64s": .ints([7, 8, 9]),
    ]
    OperatorRunner(
      "TreeEnsembleClassifier", domain: Self.domain, version: 3, attributes: attributes().merging(leaves) { $1 },
      outputs: [true, true]
    ).expect(
      [rows], equals: [
        Tensor([7, 8, 9, 9] as [Int64]),
        Tensor([3, 1, 0, 0, 3, 0, 0, 1, 5, 0, 1, 5] as [Float], shape: [4, 3]),
      ])
  }

  @Test func treesThatLeadNowhereAreRefused() {
    regressor(yes: [1, 0, 0, 0, 0, 0]).expectRefusal([rows], as: .invalid, "a circle")
    regressor(yes: [1, 77, 0, 0, 0, 0]).expectRefusal([rows], as: .invalid, "a missing node")
    regressor(["target_ids": .ints([0, 0, 0, 4])]).expectRefusal([rows], as: .invalid, "a missing target")
    regressor().expectRefusal([Tensor([1, 2] as [Float], shape: [2, 1])], as: .invalid, "too few features")
  }
}
