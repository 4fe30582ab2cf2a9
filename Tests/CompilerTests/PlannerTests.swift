import Compiler
import GraphIR
import Tensors
import Testing

struct PlannerTests {
  @Test func everyWayAnOutputCanComeAboutGivesTheRightBytes() throws {
    var builder = GraphBuilder()
    let x = builder.input("x", [2, 3])
    let doubled = builder.node("Add", [x, x])
    builder.output(doubled)
    builder.output(doubled)
    builder.output(x)
    builder.output(builder.constant([Float(7), 8]))
    builder.output(builder.node("Reshape", [doubled, builder.constant([Int64(6)])]))
    builder.output(builder.node("Reshape", [x, builder.constant([Int64(3), 2])]))
    let program = try Program(builder.graph)
    let outputs = try program.run([Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])])
    let twice: [Float] = [2, 4, 6, 8, 10, 12]
    #expect(outputs[0].elements(as: Float.self) == twice)
    #expect(outputs[1].elements(as: Float.self) == twice)
    #expect(outputs[2].elements(as: Float.self) == [1, 2, 3, 4, 5, 6])
    #expect(outputs[3].elements(as: Float.self) == [7, 8])
    #expect(outputs[4].elements(as: Float.self) == twice)
    #expect(outputs[5].elements(as: Float.self) == [1, 2, 3, 4, 5, 6])
    #expect(outputs.map(\.shape) == [[2, 3], [2, 3], [2, 3], [2], [6], [3, 2]])
  }

  @Test func longChainsOfAnySizeUseTwoBlocksAtMost() throws {
    var builder = GraphBuilder()
    var value = builder.input("x", ["n"])
    for _ in 0..<20 { value = builder.node("Softmax", [value], ["axis": .int(0)]) }
    builder.output(value)
    let program = try Program(builder.graph, options: CompileOptions(isReference: true))
    let plan = try program.plan([TensorType(.float32, [1000] as Shape)])
    #expect(plan.arenaByteCount - plan.scratchByteCount <= 2 * 4032)
  }

  @Test func inputsThatDoNotFitAreNamed() throws {
    var builder = GraphBuilder()
    let a = builder.input("a", ["n", 3]), b = builder.input("b", ["n", 3])
    builder.output(builder.node("Add", [a, b]))
    let program = try Program(builder.graph)
    func problem(_ a: TensorType, _ b: TensorType) -> String? {
      do {
        _ = try program.plan([a, b])
        return nil
      } catch { return error.description }
    }
    #expect(problem(TensorType(.float32, [2, 3] as Shape), TensorType(.float32, [2, 3] as Shape)) == nil)
    #expect(problem(TensorType(.float32, [2, 4] as Shape), TensorType(.float32, [2, 3] as Shape))?.contains("“a”") == true)
    #expect(problem(TensorType(.float32, [2, 3] as Shape), TensorType(.float32, [5, 3] as Shape))?.contains("two different") == true)
    #expect(problem(TensorType(.int64, [2, 3] as Shape), TensorType(.float32, [2, 3] as Shape))?.contains("float") == true)
    #expect(problem(TensorType(.float32, [6] as Shape), TensorType(.float32, [2, 3] as Shape))?.contains("“a”") == true)
  }

  @Test func sizesAboveTheLimitAreRefusedBeforeAnythingIsAllocated() throws {
    var builder = GraphBuilder()
    let x = builder.input("x", [1])
    let huge = builder.constant([Int64(1) << 40, 1 << 20])
    builder.output(builder.node("Expand", [x, huge]))
    #expect(throws: CompileError.self) {
      _ = try Program(builder.graph, options: CompileOptions(memoryLimit: 1 << 30))
        .plan([TensorType(.float32, [1] as Shape)])
    }
  }

  @Test func randomElementwiseGraphsGiveTheSameFusedAndUnfused() throws {
    for seed in 0..<60 {
      var random = SeededGenerator(seed: seed)
      var builder = GraphBuilder()
      let shapes: [Shape] = [[2, 3, 5], [1, 3, 1], [5], [2, 1, 5], [2, 3, 5]]
      var values = shapes.enumerated().map { builder.input("x\($0)", $1.dims.map(Dimension.fixed)) }
      let count = Int.random(in: 3...25, using: &random)
      for _ in 0..<count {
        let name = ["Add", "Mul", "Sub", "Max", "Sigmoid", "Tanh", "Abs", "Sin"].randomElement(using: &random)!
        let a = values.randomElement(using: &random)!, b = values.randomElement(using: &random)!
        let isUnary = ["Sigmoid", "Tanh", "Abs", "Sin"].contains(name)
        values.append(builder.node(name, isUnary ? [a] : [a, b]))
      }
      builder.output(values.last!)
      builder.output(values[values.count / 2 + 2])
      let inputs = shapes.map { random.tensor($0) }
      let fast = try Program(builder.graph), reference = try Program(builder.graph, options: CompileOptions(isReference: true))
      for (a, b) in zip(try fast.run(inputs), try reference.run(inputs)) {
        #expect(relativeError(a, b) < 1e-5, "seed \(seed)")
      }
    }
  }

  @Test func convolutionsInARowConvertTheirLayoutOnlyAtTheEnds() throws {
    var random = SeededGenerator(seed: 3)
    var builder = GraphBuilder()
    var value = builder.input("x", [1, 16, 12, 12])
    for _ in 0..<4 {
      value = builder.node(
        "Conv", [value, builder.constant(random.floats(16 * 16 * 9), [16, 16, 3, 3])], ["pads": .ints([1, 1, 1, 1])])
      value = builder.node("Sigmoid", [builder.node("Mul", [value, value])])
    }
    builder.output(value)
    let program = try Program(builder.graph)
    let plan = try program.plan([TensorType(.float32, [1, 16, 12, 12] as Shape)])
    #expect(plan.steps.filter { $0.operatorName == "Relayout" }.count == 2)
    let x = random.tensor([1, 16, 12, 12])
    let reference = try Program(builder.graph, options: CompileOptions(isReference: true))
    #expect(relativeError(try program.run([x])[0], try reference.run([x])[0]) < 1e-4)
  }
}
