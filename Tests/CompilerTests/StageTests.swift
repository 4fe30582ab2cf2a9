import Compiler
import Glibc
import GraphIR
import Tensors
import Testing

/// Graphs whose types are only known while they run.
struct StageTests {
  @Test func whatFollowsDataDependentShapesIsPlannedOnceForEachShape() throws {
    var builder = GraphBuilder()
    let x = builder.input("x", ["n"])
    let doubled = builder.node("Add", [x, x])
    let places = builder.node("Transpose", [builder.node("NonZero", [builder.node("Relu", [doubled])])])
    let found = builder.node("GatherND", [doubled, places])
    builder.output(builder.node("Neg", [builder.node("Softplus", [found])]))
    builder.output(builder.node("Shape", [found]))
    let runner = GraphRunner(try Program(builder.graph), pool: nil)
    func run(_ values: [Float]) throws -> [Float] {
      let outputs = try runner.run([.tensor(Tensor(values))], control: .generous)
      let positive = values.filter { $0 > 0 }
      #expect(outputs[1].tensor!.integers == [positive.count])
      let result = outputs[0].tensor!.elements(as: Float.self)
      #expect(zip(result, positive).allSatisfy { abs($0 + log1p(exp(2 * $1))) < 1e-4 })
      return result
    }
    #expect(try run([1, -2, 3, 0]).count == 2)
    let made = runner.madeStageCount
    #expect(made > 1)
    #expect(try run([-1, 2, 0, 7]).count == 2)
    #expect(runner.madeStageCount == made)
    #expect(try run([1, 2, 3, -4]).count == 3)
    #expect(runner.madeStageCount > made)
    #expect(try run([-1, -2, -3, -4]).isEmpty)
  }

  @Test func contentsOfInputsMayDecideShapes() throws {
    var builder = GraphBuilder()
    let x = builder.input("x", [2, 6]), shape = builder.input("shape", [2], .int64)
    let end = builder.input("end", [1], .int64)
    let reshaped = builder.node("Reshape", [x, shape])
    builder.output(builder.node("Add", [reshaped, reshaped]))
    builder.output(builder.node("Slice", [x, builder.constant([Int64(1)]), end, builder.constant([Int64(1)])]))
    builder.output(builder.node("Range", [builder.constant([Int64(0)], []), builder.node("ReduceMax", [end], ["keepdims": .int(0)]), builder.constant([Int64(2)], [])]))
    let runner = GraphRunner(try Program(builder.graph), pool: nil)
    let numbers = Tensor((0..<12).map(Float.init), shape: [2, 6])
    for (rows, end) in [(3, 4), (4, 6), (3, 4), (1, 1)] {
      let outputs = try runner.run(
        [.tensor(numbers), .tensor(Tensor([Int64(rows), -1])), .tensor(Tensor([Int64(end)]))], control: .generous)
      #expect(outputs[0].tensor!.shape == [rows, 12 / rows])
      #expect(outputs[0].tensor!.elements(as: Float.self) == (0..<12).map { Float(2 * $0) })
      #expect(outputs[1].tensor!.shape == [2, end - 1])
      #expect(outputs[1].tensor!.elements(as: Float.self) == [Float](((1..<end).map { Float($0) }) + (1..<end).map { Float($0 + 6) }))
      #expect(outputs[2].tensor!.integers == Array(stride(from: 0, to: end, by: 2)))
    }
  }

  @Test func graphsWithoutSuchNodesAreOnePlan() throws {
    var builder = GraphBuilder()
    let x = builder.input("x", ["n", 3])
    builder.output(builder.node("Reshape", [x, builder.node("Shape", [x])]))
    let program = try Program(builder.graph)
    let runner = GraphRunner(program, pool: nil)
    let executor = try runner.executor(for: [TensorType(.float32, [2, 3] as Shape)])
    #expect(try runner.executor(for: [TensorType(.float32, [2, 3] as Shape)]) === executor)
    #expect(runner.madeStageCount == 1)
    _ = try program.plan([TensorType(.float32, [2, 3] as Shape)])
  }

  @Test func aSinglePlanIsRefusedWithTheNodeThatForbidsIt() throws {
    var builder = GraphBuilder()
    let x = builder.input("x", [4])
    builder.output(builder.node("NonZero", [x]))
    do {
      _ = try Program(builder.graph).plan([TensorType(.float32, [4] as Shape)])
      Issue.record("there is a plan")
    } catch {
      #expect("\(error)".contains("NonZero"))
    }
  }

  @Test func hostedNodesWithConstantInputsAreFolded() throws {
    var builder = GraphBuilder()
    let x = builder.input("x", [4])
    let places = builder.node("NonZero", [builder.constant([Float(0), 1, 0, 1])])
    builder.output(builder.node("Gather", [x, builder.node("Squeeze", [places, builder.constant([Int64(0)])])]))
    let program = try Program(builder.graph)
    #expect(program.graph.nodes.count == 1)
    #expect(try program.run([Tensor([5, 6, 7, 8] as [Float])])[0].elements(as: Float.self) == [6, 8])
  }

  @Test func runsAreHeldToMemoryAndTime() throws {
    var builder = GraphBuilder()
    let x = builder.input("x", [1]), shape = builder.input("shape", [2], .int64)
    builder.output(builder.node("Expand", [x, shape]))
    let runner = GraphRunner(try Program(builder.graph), pool: nil)
    func kind(_ extents: [Int64], _ control: RunControl) -> OperatorError.Kind? {
      do {
        _ = try runner.run([.tensor(Tensor([Float(1)])), .tensor(Tensor(extents))], control: control)
        return nil
      } catch {
        guard case .operatorProblem(let problem) = error else { return nil }
        return problem.kind
      }
    }
    #expect(kind([100, 100], .generous) == nil)
    #expect(kind([100, 100], RunControl(budget: MemoryBudget(limit: 39_999))) == .tooLarge)
    #expect(kind([1 << 40, 1 << 30], .generous) == .tooLarge)
    #expect(kind([1, 1], RunControl(budget: MemoryBudget(limit: 1 << 20), timeLimit: 0)) == .timeLimit)
    let cancellation = Cancellation()
    let control = RunControl(budget: MemoryBudget(limit: 1 << 20), cancellations: [cancellation])
    #expect(kind([1, 1], control) == nil)
    cancellation.cancel()
    #expect(kind([1, 1], control) == .cancelled)
  }

  @Test func stringsMove() throws {
    var builder = GraphBuilder()
    let x = builder.input("x", [2, 2], .string)
    let flipped = builder.node("Transpose", [x])
    let joined = builder.node("Concat", [x, flipped], ["axis": .int(1)])
    builder.output(builder.node("Gather", [joined, builder.constant([Int64(3), 0])], ["axis": .int(1)]))
    builder.output(builder.node("Equal", [x, flipped]))
    let runner = GraphRunner(try Program(builder.graph), pool: nil)
    let outputs = try runner.run([.tensor(Tensor(strings: ["a", "bb", "", "d"], shape: [2, 2]))], control: .generous)
    #expect(outputs[0].tensor!.strings == ["", "a", "d", ""])
    #expect(outputs[0].tensor!.shape == [2, 2])
    #expect(outputs[1].tensor!.integers == [1, 0, 0, 1])
  }
}

extension RunControl {
  static var generous: RunControl { RunControl(budget: MemoryBudget(limit: 1 << 30)) }
}
