import GraphIR
import Operators
import Tensors
import Testing

struct HostOperatorTests {
  private let x = Tensor([0, 1.5, -0.0, .nan, 0, -2] as [Float], shape: [2, 3])

  @Test func nonZeroGivesCoordinatesInOrder() {
    let runner = OperatorRunner("NonZero", version: 13)
    runner.expect([x], equals: [int64s([0, 1, 1, 1, 0, 2], shape: [2, 3])])
    runner.expect([Tensor([false, true, true])], equals: [int64s([1, 2], shape: [1, 2])])
    runner.expect([Tensor(scalar: 3 as Int32)], equals: [int64s([0], shape: [1, 1])])
    runner.expect([Tensor(.float32, [0, 4])], equals: [int64s([], shape: [2, 0])])
    runner.expectRefusal([Tensor(strings: ["a"])], as: .unsupported)
  }

  @Test func compressDecidesAtRunTimeAsAhead() {
    let chosen = Tensor([true, false, true])
    for constants: Set<Int> in [[], [1]] {
      OperatorRunner("Compress", version: 11, attributes: ["axis": .int(-1)]).expect(
        [numbered([2, 3]), chosen], constants: constants, equals: [Tensor([0, 2, 3, 5] as [Float], shape: [2, 2])])
      OperatorRunner("Compress", version: 11, attributes: ["axis": .int(0)]).expect(
        [numbered([2, 3]), Tensor([false, true])], constants: constants,
        equals: [Tensor([3, 4, 5] as [Float], shape: [1, 3])])
      OperatorRunner("Compress", version: 9).expect(
        [numbered([2, 3]), chosen], constants: constants, equals: [Tensor([0, 2] as [Float])])
      OperatorRunner("Compress", version: 9, attributes: ["axis": .int(0)]).expectRefusal(
        [numbered([2, 3]), chosen], constants: constants)
    }
  }

  @Test func memoryIsHeldToTheRunsBudget() throws {
    let ones = Tensor([Float](repeating: 1, count: 1000))
    let runner = OperatorRunner("NonZero", version: 13)
    #expect(try runner.evaluate([.tensor(ones)], memoryLimit: 8000)[0].tensor?.shape == [1, 1000])
    do {
      _ = try runner.evaluate([.tensor(ones)], memoryLimit: 7999)
      Issue.record("it allocated beyond the limit")
    } catch {
      #expect(error.operatorError?.kind == .tooLarge)
    }
  }
}
