import Compiler
import GraphIR
import Tensors
import Testing

/// `If`, `Loop`, `Scan` and `SequenceMap`, with what their subgraphs capture.
struct ControlFlowTests {
  /// A subgraph that reads values of the enclosing graph by name.
  private struct Body {
    var builder = GraphBuilder()

    mutating func capture(_ name: String) -> ValueID {
      let id = builder.graph.addValue(name)
      builder.graph.captures.append(Graph.Capture(outerName: name, inner: id))
      return id
    }
  }

  private func run(_ graph: Graph, _ inputs: [Tensor]) throws -> [RuntimeValue] {
    try GraphRunner(try Program(graph), pool: nil).run(inputs.map(RuntimeValue.tensor), control: .generous)
  }

  @Test func ifTakesOneBranchWhatItCapturesIncluded() throws {
    var then = Body()
    then.builder.output(then.builder.node("Add", [then.capture("hidden"), then.capture("one")]))
    var otherwise = Body()
    otherwise.builder.output(otherwise.builder.node("Slice", [
      otherwise.capture("x"), otherwise.builder.constant([Int64(0)]), otherwise.builder.constant([Int64(1)]),
    ]))
    var builder = GraphBuilder()
    let x = builder.input("x", [3]), condition = builder.input("c", [], .bool)
    _ = builder.graph.addConstant("one", Tensor([Float(1)]))
    let hidden = builder.node("Neg", [x])
    builder.graph[hidden].name = "hidden"
    let chosen = builder.node(
      "If", [condition], ["then_branch": .graph(then.builder.graph), "else_branch": .graph(otherwise.builder.graph)])
    builder.output(builder.node("Mul", [chosen, chosen]))
    let x1 = Tensor([1, 2, 3] as [Float])
    let yes = try run(builder.graph, [x1, Tensor([true], shape: [])])[0].tensor!
    #expect(yes.elements(as: Float.self) == [0, 1, 4])
    let no = try run(builder.graph, [x1, Tensor([false], shape: [])])[0].tensor!
    #expect(no.elements(as: Float.self) == [1])
  }

  /// Adds the outer `step` to a carried sum, `turns` times, and scans the sums; goes on while the sum is below `bound`.
  private func summing(bound: Float, turns: Bool = true) -> Graph {
    var body = Body()
    _ = body.builder.input("turn", [], .int64)
    _ = body.builder.input("go", [], .bool)
    let sum = body.builder.input("sum", [2])
    let next = body.builder.node("Add", [sum, body.capture("step")])
    let peak = body.builder.node("ReduceMax", [next], ["keepdims": .int(0)])
    body.builder.output(body.builder.node("Less", [peak, body.builder.constant([bound], [])]))
    body.builder.output(next)
    body.builder.output(next)
    var builder = GraphBuilder()
    let x = builder.input("x", [2]), count = builder.input("count", [], .int64)
    _ = builder.input("step", [2])
    let final = builder.node("Loop", [turns ? count : nil, nil, x], ["body": .graph(body.builder.graph)])
    let sums = builder.graph.addValue("sums")
    builder.graph.nodes[builder.graph.nodes.count - 1].outputs.append(sums)
    builder.output(final)
    builder.output(sums)
    return builder.graph
  }

  @Test func loopsCarryScanAndStop() throws {
    let start = Tensor([0, 10] as [Float]), step = Tensor([1, 2] as [Float])
    func turns(_ graph: Graph, _ count: Int64) throws -> ([Float], Shape) {
      let outputs = try run(graph, [start, Tensor(scalar: count), step])
      return (outputs[0].tensor!.elements(), outputs[1].tensor!.shape)
    }
    #expect(try turns(summing(bound: 1000), 5) == ([5, 20], [5, 2]))
    #expect(try turns(summing(bound: 14), 5) == ([2, 14], [2, 2]))
    #expect(try turns(summing(bound: 20, turns: false), 0) == ([5, 20], [5, 2]))
    let none = try turns(summing(bound: 20), 0)
    #expect(none.0 == [0, 10] && none.1.dims[0] == 0)
  }

  @Test func loopsOfFixedShapesPlanOnce() throws {
    let runner = GraphRunner(try Program(summing(bound: 1e9)), pool: nil)
    let inputs = [Tensor([0, 1] as [Float]), Tensor(scalar: Int64(50)), Tensor([1, 1] as [Float])]
    _ = try runner.run(inputs.map(RuntimeValue.tensor), control: .generous)
    #expect(runner.madeStageCount == 2)
  }

  @Test func endlessLoopsEndWithTheirTime() throws {
    let runner = GraphRunner(try Program(summing(bound: .infinity, turns: false)), pool: nil)
    let inputs = [Tensor([0, 1] as [Float]), Tensor(scalar: Int64(0)), Tensor([0, 0] as [Float])]
    do {
      _ = try runner.run(
        inputs.map(RuntimeValue.tensor), control: RunControl(budget: MemoryBudget(limit: 1 << 30), timeLimit: 0.05))
      Issue.record("it ended")
    } catch {
      guard case .operatorProblem(let problem) = error else { throw error }
      #expect(problem.kind == .timeLimit)
    }
  }

  @Test func doublingLoopsEndWithTheirMemory() throws {
    var body = Body()
    _ = body.builder.input("turn", [], .int64)
    let go = body.builder.input("go", [], .bool)
    let value = body.builder.input("value", ["n"])
    body.builder.output(body.builder.node("Identity", [go]))
    body.builder.output(body.builder.node("Concat", [value, value], ["axis": .int(0)]))
    var builder = GraphBuilder()
    let x = builder.input("x", [64])
    builder.output(builder.node("Loop", [nil, nil, x], ["body": .graph(body.builder.graph)]))
    do {
      _ = try GraphRunner(try Program(builder.graph), pool: nil).run(
        [.tensor(Tensor(.float32, [64]))], control: RunControl(budget: MemoryBudget(limit: 1 << 20)))
      Issue.record("it ended")
    } catch {
      guard case .operatorProblem(let problem) = error else { throw error }
      #expect(problem.kind == .tooLarge)
    }
  }

  @Test func nestedLoopsCaptureFromEveryDepth() throws {
    // sum += x for each turn of two loops inside each other; x belongs to the outermost graph.
    var inner = Body()
    _ = inner.builder.input("turn", [], .int64)
    let innerGo = inner.builder.input("go", [], .bool)
    let innerSum = inner.builder.input("sum", [1])
    inner.builder.output(inner.builder.node("Identity", [innerGo]))
    inner.builder.output(inner.builder.node("Add", [innerSum, inner.capture("x")]))
    var outer = Body()
    _ = outer.builder.input("turn", [], .int64)
    let go = outer.builder.input("go", [], .bool)
    let sum = outer.builder.input("sum", [1])
    _ = outer.capture("x")
    let count = outer.capture("count")
    outer.builder.output(outer.builder.node("Identity", [go]))
    outer.builder.output(outer.builder.node("Loop", [count, nil, sum], ["body": .graph(inner.builder.graph)]))
    var builder = GraphBuilder()
    let x = builder.input("x", [1])
    let turns = builder.graph.addConstant("count", Tensor(scalar: Int64(3)))
    let zero = builder.constant([Float(0)])
    builder.output(builder.node("Loop", [turns, nil, zero], ["body": .graph(outer.builder.graph)]))
    _ = x
    #expect(try run(builder.graph, [Tensor([Float(2)])])[0].tensor!.elements(as: Float.self) == [18])
  }

  @Test func scanWalksAxesInBothDirections() throws {
    var body = Body()
    let sum = body.builder.input("sum", [2]), row = body.builder.input("row", [2])
    let next = body.builder.node("Add", [sum, row])
    body.builder.output(next)
    body.builder.output(next)
    func scan(_ attributes: [String: Attribute]) throws -> (Tensor, Tensor) {
      var builder = GraphBuilder()
      let x = builder.input("x", [3, 2]), zero = builder.constant([Float(0), 0])
      var all = attributes
      all["body"] = .graph(body.builder.graph)
      all["num_scan_inputs"] = .int(1)
      let final = builder.node("Scan", [zero, x], all)
      let sums = builder.graph.addValue("sums")
      builder.graph.nodes[0].outputs.append(sums)
      builder.output(final)
      builder.output(sums)
      let outputs = try run(builder.graph, [Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [3, 2])])
      return (outputs[0].tensor!, outputs[1].tensor!)
    }
    let forward = try scan([:])
    #expect(forward.0.elements(as: Float.self) == [9, 12])
    #expect(forward.1.elements(as: Float.self) == [1, 2, 4, 6, 9, 12] && forward.1.shape == [3, 2])
    let backward = try scan(["scan_input_directions": .ints([1])])
    #expect(backward.1.elements(as: Float.self) == [5, 6, 8, 10, 9, 12])
    let columns = try scan(["scan_output_axes": .ints([1]), "scan_output_directions": .ints([1])])
    #expect(columns.1.elements(as: Float.self) == [9, 4, 1, 12, 6, 2] && columns.1.shape == [2, 3])
  }
}

extension ControlFlowTests {
  @Test func sequencesThatGrowWithoutEndEndWithTheirMemory() throws {
    var body = GraphBuilder()
    let turn = body.input("turn", [], .int64), go = body.input("go", [], .bool)
    let list = body.graph.addValue("list")
    body.graph.inputs.append(list)
    body.output(body.node("Identity", [go]))
    body.output(body.node("SequenceInsert", [list, turn]))
    var builder = GraphBuilder()
    let empty = builder.node("SequenceEmpty", [], ["dtype": .int(7)])
    builder.output(builder.node("Loop", [nil, nil, empty], ["body": .graph(body.graph)]))
    let graph = builder.graph
    let runner = GraphRunner(try Program(graph), pool: nil)
    do {
      _ = try runner.run([], control: RunControl(budget: MemoryBudget(limit: 1 << 18)))
      Issue.record("it ended")
    } catch {
      guard case .operatorProblem(let problem) = error else { throw error }
      #expect(problem.kind == .tooLarge)
    }
  }

  @Test func loopsCarrySequences() throws {
    var body = GraphBuilder()
    let turn = body.input("turn", [], .int64), go = body.input("go", [], .bool)
    let list = body.graph.addValue("list")
    body.graph.inputs.append(list)
    body.output(body.node("Identity", [go]))
    body.output(body.node("SequenceInsert", [list, turn]))
    var builder = GraphBuilder()
    let count = builder.input("count", [], .int64)
    let empty = builder.node("SequenceEmpty", [], ["dtype": .int(7)])
    let all = builder.node("Loop", [count, nil, empty], ["body": .graph(body.graph)])
    builder.output(builder.node("Identity", [all]))
    builder.output(builder.node("ConcatFromSequence", [all], ["axis": .int(0), "new_axis": .int(1)]))
    let outputs = try GraphRunner(try Program(builder.graph), pool: nil).run(
      [.tensor(Tensor(scalar: Int64(4)))], control: .generous)
    #expect(outputs[0].sequence?.count == 4)
    #expect(outputs[1].tensor?.integers == [0, 1, 2, 3])
  }
}
