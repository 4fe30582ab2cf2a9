import GraphIR
import Operators
import Tensors
import Testing

struct SequenceTests {
  private let a = Tensor([1, 2] as [Float]), b = Tensor([3] as [Float]), c = Tensor([4, 5] as [Float])

  private func sequence(_ tensors: [Tensor]) -> RuntimeValue {
    .sequence(tensors.map(RuntimeValue.tensor), of: .tensor(TensorType(.float32, nil as [Dimension]?)))
  }

  private func elements(_ value: RuntimeValue?) -> [[Float]]? {
    value?.sequence?.map { $0.tensor!.elements(as: Float.self) }
  }

  private func isRefused(_ runner: OperatorRunner, _ inputs: [RuntimeValue?]) -> Bool {
    do {
      _ = try runner.evaluate(inputs)
      return false
    } catch {
      return error.operatorError?.kind == .invalid
    }
  }

  @Test func sequencesAreMadeAndEdited() throws {
    let made = try OperatorRunner("SequenceConstruct", version: 11).evaluate([.tensor(a), .tensor(b)])[0]
    #expect(elements(made) == [[1, 2], [3]])
    #expect(elements(try OperatorRunner("SequenceEmpty", version: 11).evaluate([])[0]) == [])
    let insert = OperatorRunner("SequenceInsert", version: 11), erase = OperatorRunner("SequenceErase", version: 11)
    func position(_ value: Int64) -> RuntimeValue { .tensor(Tensor(scalar: value)) }
    #expect(elements(try insert.evaluate([made, .tensor(c)])[0]) == [[1, 2], [3], [4, 5]])
    #expect(elements(try insert.evaluate([made, .tensor(c), position(-2)])[0]) == [[4, 5], [1, 2], [3]])
    #expect(elements(try insert.evaluate([made, .tensor(c), position(2)])[0]) == [[1, 2], [3], [4, 5]])
    #expect(isRefused(insert, [made, .tensor(c), position(3)]))
    #expect(isRefused(insert, [made, .tensor(Tensor([Int64(1)]))]))
    #expect(elements(try erase.evaluate([made])[0]) == [[1, 2]])
    #expect(elements(try erase.evaluate([made, position(-2)])[0]) == [[3]])
    #expect(isRefused(erase, [made, position(2)]))
    #expect(isRefused(erase, [sequence([])]))
  }

  @Test func elementsAreReadAndCounted() throws {
    let three = sequence([a, b, c])
    let at = OperatorRunner("SequenceAt", version: 11)
    #expect(try at.evaluate([three, .tensor(Tensor(scalar: Int32(-1)))])[0].tensor?.elements(as: Float.self) == [4, 5])
    #expect(isRefused(at, [three, .tensor(Tensor(scalar: Int64(3)))]))
    #expect(isRefused(at, [.tensor(a), .tensor(Tensor(scalar: Int64(0)))]))
    #expect(try OperatorRunner("SequenceLength", version: 11).evaluate([three])[0].tensor?.integers == [3])
  }

  @Test func tensorsAreCutAndJoined() throws {
    func cut(_ attributes: [String: Attribute], _ lengths: Tensor? = nil) throws -> [(Shape, [Float])] {
      let inputs: [RuntimeValue?] = [.tensor(numbered([2, 3]))] + (lengths.map { [.tensor($0)] } ?? [])
      let result = try OperatorRunner("SplitToSequence", version: 11, attributes: attributes).evaluate(inputs)[0]
      return result.sequence!.map { ($0.tensor!.shape, $0.tensor!.elements()) }
    }
    let columns = try cut(["axis": .int(-1)])
    #expect(columns.map(\.0) == [[2, 1], [2, 1], [2, 1]] && columns.map(\.1) == [[0, 3], [1, 4], [2, 5]])
    let rows = try cut(["keepdims": .int(0)])
    #expect(rows.map(\.0) == [[3], [3]] && rows.map(\.1) == [[0, 1, 2], [3, 4, 5]])
    let pairs = try cut(["axis": .int(1)], Tensor(scalar: Int64(2)))
    #expect(pairs.map(\.1) == [[0, 1, 3, 4], [2, 5]])
    let given = try cut(["axis": .int(1)], int64s([1, 0, 2]))
    #expect(given.map(\.0) == [[2, 1], [2, 0], [2, 2]])
    let split = OperatorRunner("SplitToSequence", version: 11, attributes: ["axis": .int(1)])
    for wrong in [int64s([1, 1]), int64s([4, -1]), Tensor(scalar: Int64(0))] {
      #expect(isRefused(split, [.tensor(numbered([2, 3])), .tensor(wrong)]))
    }
    func joined(_ attributes: [String: Attribute], _ tensors: [Tensor]) throws -> Tensor {
      try OperatorRunner("ConcatFromSequence", version: 11, attributes: attributes).evaluate([sequence(tensors)])[0].tensor!
    }
    let line = try joined(["axis": .int(0)], [a, b, c])
    #expect(line.elements(as: Float.self) == [1, 2, 3, 4, 5])
    let stacked = try joined(["axis": .int(-1), "new_axis": .int(1)], [a, c])
    #expect(stacked.shape == [2, 2] && stacked.elements(as: Float.self) == [1, 4, 2, 5])
    let join = OperatorRunner("ConcatFromSequence", version: 11, attributes: ["axis": .int(0), "new_axis": .int(1)])
    #expect(isRefused(join, [sequence([a, b])]))
    #expect(isRefused(join, [sequence([])]))
  }

  @Test func optionalsHoldOneValueOrNone() throws {
    let type = ValueType.tensor(TensorType(.float32, [2] as [Dimension]))
    let none = try OperatorRunner("Optional", version: 15, attributes: ["type": .type(type)]).evaluate([])[0]
    let some = try OperatorRunner("Optional", version: 15).evaluate([.tensor(a)])[0]
    let has = OperatorRunner("OptionalHasElement", version: 18), get = OperatorRunner("OptionalGetElement", version: 18)
    for (inputs, expected) in [([none], 0), ([some], 1), ([.tensor(a)], 1), ([nil], 0), ([], 0)] as [([RuntimeValue?], Int)] {
      #expect(try has.evaluate(inputs)[0].tensor?.integers == [expected])
    }
    #expect(try get.evaluate([some])[0].tensor?.elements(as: Float.self) == [1, 2])
    #expect(elements(try get.evaluate([.optional(sequence([b]), of: .sequence(type))])[0]) == [[3]])
    #expect(isRefused(get, [none]))
  }
}
