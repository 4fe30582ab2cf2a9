import Compiler
import GraphIR
import Tensors
import Testing

/// Passes that run once shapes are known, each against the reference.
struct ShapedPassTests {
  /// Builds a graph of random constants, and checks that its plan has these steps and gives the reference's output.
  private func expect(
    _ steps: [String], _ shapes: [Shape], seed: Int = 1, tolerance: Float = 1e-5,
    _ build: (inout GraphBuilder, inout SeededGenerator, [ValueID]) -> ValueID
  ) throws -> PassLog {
    var random = SeededGenerator(seed: seed)
    var builder = GraphBuilder()
    let inputs = shapes.enumerated().map { builder.input("x\($0.offset)", $0.element.dims.map(Dimension.fixed)) }
    builder.output(build(&builder, &random, inputs))
    let program = try Program(builder.graph)
    let reference = try Program(builder.graph, options: CompileOptions(isReference: true))
    let tensors = shapes.map { random.tensor($0) }
    let plan = try program.plan(shapes.map { TensorType(.float32, $0) })
    #expect(plan.steps.map(\.operatorName) == steps)
    #expect(relativeError(try program.run(tensors)[0], try reference.run(tensors)[0]) < tolerance)
    return plan.log
  }

  @Test func aResidualAndWhatFollowsAreTakenIntoTheConvolution() throws {
    _ = try expect(["Relayout", "Conv", "Conv", "Relayout"], [[1, 8, 6, 7]]) { builder, random, inputs in
      func conv(_ x: ValueID) -> ValueID {
        let weights = builder.constant(random.floats(8 * 8 * 9), [8, 8, 3, 3])
        return builder.node("Conv", [x, weights], ["pads": .ints([1, 1, 1, 1])])
      }
      let first = conv(inputs[0])
      return builder.node("Relu", [builder.node("Add", [conv(first), first])])
    }
  }

  @Test func theLaterOfTwoConvolutionsTakesTheOther() throws {
    _ = try expect(["Relayout", "Conv", "Conv", "Relayout"], [[2, 5, 6, 7]]) { builder, random, inputs in
      func conv() -> ValueID {
        builder.node("Conv", [inputs[0], builder.constant(random.floats(4 * 5), [4, 5, 1, 1])])
      }
      return builder.node("Add", [conv(), conv()])
    }
  }

  @Test func aSumThatIsReadTwiceIsLeftAloneAndTheLogSaysSo() throws {
    let log = try expect(["Relayout", "Conv", "FusedElementwise", "Relayout"], [[1, 3, 5, 5]]) { builder, random, inputs in
      let y = builder.node("Conv", [inputs[0], builder.constant(random.floats(9), [3, 3, 1, 1])])
      return builder.node("Mul", [builder.node("Add", [y, inputs[0]]), y])
    }
    #expect(log.entries.contains { $0.isSkip && $0.pass == "fuse-residuals" })
  }

  @Test func biasAndGELUAreTakenIntoTheProduct() throws {
    _ = try expect(["MatMul", "MatMul"], [[1, 9, 20]]) { builder, random, inputs in
      func linear(_ x: ValueID, _ k: Int, _ n: Int) -> ValueID {
        let product = builder.node("MatMul", [x, builder.constant(random.floats(k * n), [k, n])])
        return builder.node("Add", [builder.constant(random.floats(n)), product])
      }
      let h = linear(inputs[0], 20, 33)
      let erf = builder.node("Erf", [builder.node("Div", [h, builder.constant([Float(2).squareRoot()], [])])])
      let gate = builder.node("Add", [erf, builder.constant([Float(1)], [])])
      let gelu = builder.node("Mul", [builder.node("Mul", [h, gate]), builder.constant([Float(0.5)], [])])
      return builder.node("Add", [inputs[0], linear(gelu, 33, 20)])
    }
  }

  @Test func groupNormalizationInPrimitivesIsRecognizedWithItsSiLU() throws {
    _ = try expect(["GroupNormalization"], [[2, 6, 5, 3]]) { builder, random, inputs in
      let cut = builder.node("Reshape", [inputs[0], builder.constant([Int64(0), 3, -1])])
      let norm = builder.node(
        "InstanceNormalization",
        [cut, builder.constant(random.floats(3, 0.5...2)), builder.constant(random.floats(3))])
      let back = builder.node("Reshape", [norm, builder.constant([Int64(2), 6, 5, 3])])
      let scaled = builder.node("Mul", [back, builder.constant(random.floats(6), [6, 1, 1])])
      let y = builder.node("Add", [scaled, builder.constant(random.floats(6), [6, 1, 1])])
      return builder.node("Mul", [y, builder.node("Sigmoid", [y])])
    }
  }

  /// Attention as exporters write it, on inputs of tokens × channels.
  private func attention(
    _ builder: inout GraphBuilder, _ inputs: [ValueID], heads: Int, width: Int, mask: ValueID? = nil
  ) -> ValueID {
    func cut(_ x: ValueID, _ order: [Int]) -> ValueID {
      let shape = builder.constant([Int64(0), -1, Int64(heads), Int64(width)])
      return builder.node("Transpose", [builder.node("Reshape", [x, shape])], ["perm": .ints(order)])
    }
    let (q, k, v) = (cut(inputs[0], [0, 2, 1, 3]), cut(inputs[1], [0, 2, 3, 1]), cut(inputs[2], [0, 2, 1, 3]))
    var scores = builder.node("MatMul", [q, k])
    scores = builder.node("Div", [scores, builder.constant([Float(width).squareRoot()], [])])
    if let mask { scores = builder.node("Add", [scores, mask]) }
    let y = builder.node("MatMul", [builder.node("Softmax", [scores], ["axis": .int(-1)]), v])
    let tokens = builder.node("Transpose", [y], ["perm": .ints([0, 2, 1, 3])])
    return builder.node("Reshape", [tokens, builder.constant([Int64(0), 0, Int64(heads * width)])])
  }

  @Test func attentionIsOneStepWithoutTranspositions() throws {
    _ = try expect(["FusedAttention"], [[2, 7, 12], [2, 11, 12], [2, 11, 12]]) { builder, _, inputs in
      attention(&builder, inputs, heads: 3, width: 4)
    }
  }

  @Test func aMaskThatBroadcastsIsAddedToTheScores() throws {
    for shape in [[2, 1, 7, 11], [1, 1, 1, 11], [2, 3, 7, 11], [7, 11]] as [Shape] {
      _ = try expect(["FusedAttention"], [[2, 7, 12], [2, 11, 12], [2, 11, 12], shape]) { builder, _, inputs in
        attention(&builder, inputs, heads: 3, width: 4, mask: inputs[3])
      }
    }
  }

  @Test func productsOfManyRowsAreChained() throws {
    _ = try expect(["GemmChain"], [[1100, 9]], tolerance: 1e-4) { builder, random, inputs in
      var x = inputs[0]
      for (k, n) in [(9, 16), (16, 40), (40, 3)] {
        let b = builder.constant(random.floats(k * n), [n, k])
        x = builder.node("Gemm", [x, b, builder.constant(random.floats(n))], ["transB": .int(1)])
        if n != 3 { x = builder.node("Relu", [x]) }
      }
      return x
    }
  }

  @Test func aChainReadsTheColumnsThatAreJoinedForIt() throws {
    _ = try expect(["GemmChain"], [[1100, 9], [1100, 6]], tolerance: 1e-4) { builder, random, inputs in
      let ends = (builder.constant([Int64(2)]), builder.constant([Int64(8)]), builder.constant([Int64(1)]))
      let cut = builder.node("Slice", [inputs[0], ends.0, ends.1, ends.2])
      var x = builder.node("Concat", [cut, inputs[1]], ["axis": .int(-1)])
      for (k, n) in [(12, 16), (16, 5)] {
        x = builder.node("Gemm", [x, builder.constant(random.floats(k * n), [k, n]), builder.constant(random.floats(n))])
      }
      return x
    }
  }

  private func pointwise(
    _ builder: inout GraphBuilder, _ random: inout SeededGenerator, _ x: ValueID, _ from: Int, _ to: Int
  ) -> ValueID {
    let bias = builder.constant(random.floats(to))
    return builder.node("Conv", [x, builder.constant(random.floats(from * to, -0.3...0.3), [to, from, 1, 1]), bias])
  }

  /// 1 × 1, depthwise, 1 × 1, each but the last with Relu.
  private func invertedResidual(
    _ builder: inout GraphBuilder, _ random: inout SeededGenerator, _ x: ValueID, _ channels: (Int, Int, Int),
    stride: Int = 1
  ) -> ValueID {
    let h = builder.node("Relu", [pointwise(&builder, &random, x, channels.0, channels.1)])
    let filters = builder.constant(random.floats(channels.1 * 9), [channels.1, 1, 3, 3])
    let d = builder.node(
      "Conv", [h, filters, builder.constant(random.floats(channels.1))],
      ["group": .int(channels.1), "pads": .ints([1, 1, 1, 1]), "strides": .ints([stride, stride])])
    return pointwise(&builder, &random, builder.node("Relu", [d]), channels.1, channels.2)
  }

  @Test func anInvertedResidualIsOneStep() throws {
    _ = try expect(["Relayout", "InvertedResidual", "Relayout"], [[1, 8, 64, 65]], tolerance: 1e-4) {
      builder, random, inputs in
      builder.node("Add", [inputs[0], invertedResidual(&builder, &random, inputs[0], (8, 64, 8))])
    }
    _ = try expect(["Relayout", "InvertedResidual", "Relayout"], [[2, 6, 97, 60]], tolerance: 1e-4) {
      builder, random, inputs in
      builder.node("Sigmoid", [invertedResidual(&builder, &random, inputs[0], (6, 50, 9), stride: 2)])
    }
  }

  @Test func anInvertedResidualThatStaysInCacheIsLeftAloneAndTheLogSaysSo() throws {
    let steps = ["Relayout", "Conv", "Conv", "Conv", "Relayout"]
    let log = try expect(steps, [[1, 8, 12, 12]], tolerance: 1e-4) { builder, random, inputs in
      invertedResidual(&builder, &random, inputs[0], (8, 24, 8))
    }
    #expect(log.entries.contains { $0.isSkip && $0.pass == "fuse-inverted-residuals" })
  }

  /// An image of 64 channels enlarged to twice its size, and joined with one of 8.
  private func enlarged(_ builder: inout GraphBuilder, _ inputs: [ValueID], _ mode: String) -> ValueID {
    let none = builder.constant([Float](), [0]), scales = builder.constant([Float](arrayLiteral: 1, 1, 2, 2))
    let large = builder.node("Resize", [inputs[0], none, scales], ["mode": .string(Array(mode.utf8))])
    return builder.node("Concat", [large, inputs[1]], ["axis": .int(1)])
  }

  @Test func onePixelWeightsAreAppliedBeforeAnImageIsEnlarged() throws {
    for mode in ["nearest", "linear"] {
      let steps = ["Relayout", "Conv", "Resize", "Relayout", "Conv", "Relayout"]
      _ = try expect(steps, [[1, 64, 5, 6], [1, 8, 10, 12]], tolerance: 1e-4) { builder, random, inputs in
        builder.node("Relu", [pointwise(&builder, &random, enlarged(&builder, inputs, mode), 72, 20)])
      }
    }
  }

  @Test func anInvertedResidualEnlargesWhatItAdds() throws {
    for mode in ["nearest", "linear"] {
      let steps = ["Relayout", "Conv", "Relayout", "InvertedResidual", "Relayout"]
      _ = try expect(steps, [[1, 64, 32, 32], [1, 8, 64, 64]], tolerance: 1e-4) { builder, random, inputs in
        invertedResidual(&builder, &random, enlarged(&builder, inputs, mode), (72, 64, 8))
      }
    }
  }

  @Test func aConstantImageIsLaidOutBeforeTheRun() throws {
    _ = try expect(["Relayout", "Conv", "Mul", "Relayout"], [[1, 4, 6, 6]]) { builder, random, inputs in
      let y = builder.node("Conv", [inputs[0], builder.constant(random.floats(5 * 4), [5, 4, 1, 1])])
      return builder.node("Mul", [y, builder.constant(random.floats(5 * 36), [1, 5, 6, 6])])
    }
  }
}
