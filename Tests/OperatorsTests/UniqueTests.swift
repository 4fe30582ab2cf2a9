import GraphIR
import Operators
import Tensors
import Testing

@Suite struct UniqueTests {
  private func runner(_ attributes: [String: Attribute] = [:]) -> OperatorRunner {
    OperatorRunner("Unique", version: 11, attributes: attributes, outputs: [true, true, true, true])
  }

  @Test func elementsInOrderOfSizeOrOccurrence() {
    let x = Tensor([2, 1, 1, 3, 4, 3] as [Float], shape: [2, 3])
    runner().expect(
      [x], equals: [Tensor([1, 2, 3, 4] as [Float]), int64s([1, 0, 3, 4]), int64s([1, 0, 0, 2, 3, 2]), int64s([2, 1, 2, 1])])
    runner(["sorted": .int(0)]).expect(
      [x], equals: [Tensor([2, 1, 3, 4] as [Float]), int64s([0, 1, 3, 4]), int64s([0, 1, 1, 2, 3, 2]), int64s([1, 2, 2, 1])])
  }

  @Test func slicesAlongAnAxis() {
    let rows = Tensor([1, 0, 0, 1, 0, 0, 2, 3, -4] as [Int32], shape: [3, 3])
    runner(["axis": .int(0)]).expect(
      [rows],
      equals: [
        Tensor([1, 0, 0, 2, 3, -4] as [Int32], shape: [2, 3]), int64s([0, 2]), int64s([0, 0, 1]), int64s([2, 1]),
      ])
    let x = Tensor([1, 1, 0, 1, 2, 1, 0, 1, 1, 1, 0, 1, 2, 1, 0, 1] as [Double], shape: [2, 4, 2])
    runner(["axis": .int(-2)]).expect(
      [x],
      equals: [
        Tensor([0, 1, 1, 1, 2, 1, 0, 1, 1, 1, 2, 1] as [Double], shape: [2, 3, 2]), int64s([1, 0, 2]),
        int64s([1, 0, 2, 0]), int64s([2, 1, 1]),
      ])
    runner(["axis": .int(2)]).expectRefusal([rows])
  }

  @Test func otherTypesAndNothing() {
    runner().expect(
      [Tensor([.max, 0, .max] as [UInt64])],
      equals: [Tensor([0, .max] as [UInt64]), int64s([1, 0]), int64s([1, 0, 1]), int64s([1, 2])])
    runner().expect(
      [Tensor(strings: ["b", "a", "b"])],
      equals: [Tensor(strings: ["a", "b"]), int64s([1, 0]), int64s([1, 0, 1]), int64s([1, 2])])
    runner().expect(
      [Tensor([.nan, 1, .nan] as [Float])],
      equals: [Tensor([1, .nan, .nan] as [Float]), int64s([1, 0, 2]), int64s([1, 0, 2]), int64s([1, 1, 1])])
    runner().expect([Tensor(.float32, [0])], equals: [Tensor(.float32, [0]), int64s([]), int64s([]), int64s([])])
    OperatorRunner("Unique", version: 11).expect([Tensor([3, 3] as [Int8])], equals: [Tensor([3 as Int8])])
  }

  @Test func nGramsAreCounted() {
    var attributes: [String: Attribute] = [
      "mode": .string(Array("TF".utf8)), "min_gram_length": .int(2), "max_gram_length": .int(2), "max_skip_count": .int(1),
      "ngram_counts": .ints([0, 4]), "ngram_indexes": .ints([0, 1, 2, 3, 4, 5, 6]),
      "pool_int64s": .ints([2, 3, 5, 4, 5, 6, 7, 8, 6, 7]),
    ]
    let x = Tensor([1, 1, 3, 3, 3, 7, 8, 6, 7, 5, 6, 8] as [Int32], shape: [2, 6])
    // [7, 8] at distance 1, [6, 7] at distances 1; [5, 6] at distance 1; [7, 6] is not in the pool.
    OperatorRunner("TfIdfVectorizer", version: 9, attributes: attributes).expect(
      [x], equals: [Tensor([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1] as [Float], shape: [2, 7])])
    attributes["mode"] = .string(Array("TFIDF".utf8))
    attributes["weights"] = .floats([1, 1, 1, 1, 1, 2, 0.5])
    OperatorRunner("TfIdfVectorizer", version: 9, attributes: attributes).expect(
      [Tensor([5, 7, 6, 8, 5, 6] as [Int64])],
      equals: [Tensor([0, 0, 0, 0, 2, 2, 0] as [Float])], "at any distance up to the skip")
    attributes["ngram_counts"] = .ints([0, 9])
    OperatorRunner("TfIdfVectorizer", version: 9, attributes: attributes).expectRefusal([x])
  }
}
