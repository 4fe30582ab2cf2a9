import Compiler
import GraphIR
import Tensors
import Testing

struct PassTests {
  /// Conv → BatchNormalization → Relu, with random weights.
  private func convolution(seed: Int, readsConvTwice: Bool = false) -> Graph {
    var random = SeededGenerator(seed: seed)
    var builder = GraphBuilder()
    let x = builder.input("x", [1, 3, "h", "w"])
    let weights = builder.constant(random.floats(8 * 3 * 9), [8, 3, 3, 3])
    let y = builder.node("Conv", [x, weights], ["pads": .ints([1, 1, 1, 1])])
    let normalized = builder.node(
      "BatchNormalization",
      [
        y, builder.constant(random.floats(8)), builder.constant(random.floats(8)), builder.constant(random.floats(8)),
        builder.constant(random.floats(8, 0.1...2)),
      ])
    builder.output(builder.node("Relu", [normalized]))
    if readsConvTwice { builder.output(y) }
    return builder.graph
  }

  @Test func normalizationAndActivationAreTakenIntoTheConvolution() throws {
    for seed in 0..<5 {
      let graph = convolution(seed: seed)
      let program = try Program(graph), reference = try Program(graph, options: CompileOptions(isReference: true))
      #expect(program.graph.nodes.map(\.operatorName) == ["Conv"])
      var random = SeededGenerator(seed: seed + 100)
      let x = random.tensor([1, 3, 7, 10])
      let error = relativeError(try program.run([x])[0], try reference.run([x])[0])
      #expect(error < 1e-5, "seed \(seed)")
    }
  }

  @Test func whatIsReadElsewhereIsNotFusedAndTheLogSaysSo() throws {
    let program = try Program(convolution(seed: 1, readsConvTwice: true))
    #expect(program.graph.nodes.map(\.operatorName).contains("BatchNormalization"))
    #expect(program.log.entries.contains { $0.isSkip && $0.pass == "fold-batch-normalization" })
  }

  @Test func constantsAreFoldedAndWhatNobodyReadsIsDropped() throws {
    var builder = GraphBuilder()
    let x = builder.input("x", [4])
    let two = builder.node("Add", [builder.constant([Float(1)]), builder.constant([Float(1)])])
    let copy = builder.node("Identity", [x])
    _ = builder.node("Exp", [copy])
    builder.output(builder.node("Mul", [copy, two]))
    let program = try Program(builder.graph)
    #expect(program.graph.nodes.map(\.operatorName) == ["Mul"])
    #expect(try program.run([Tensor([1, 2, 3, 4] as [Float])])[0].elements(as: Float.self) == [2, 4, 6, 8])
  }

  @Test func shapeArithmeticIsGoneOnceShapesAreKnown() throws {
    var builder = GraphBuilder()
    let x = builder.input("x", ["n", 6])
    let shape = builder.node("Shape", [x])
    let rows = builder.node("Gather", [shape, builder.constant([Int64(0)])])
    let target = builder.node("Concat", [rows, builder.constant([Int64(2), 3])], ["axis": .int(0)])
    builder.output(builder.node("Reshape", [x, target]))
    let program = try Program(builder.graph)
    let plan = try program.plan([TensorType(.float32, [5, 6] as Shape)])
    #expect(plan.outputs[0].shape == [5, 2, 3])
    #expect(plan.steps.map(\.operatorName) == ["Copy"])
  }
}

extension Dimension: ExpressibleByStringLiteral {
  public init(stringLiteral name: String) { self = .symbol(name) }
}
