import Compiler
import GraphIR
import Operators
import Tensors
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Operators that are replaced by others before anything else happens.
struct CompositeTests {
  private static let microsoft = "com.microsoft"

  /// Runs one node of ONNX Runtime's operator set on inputs, the rest constant, optimized and in reference mode.
  private func run(
    _ name: String, _ inputs: [Tensor], _ constants: [Tensor] = [], _ attributes: [String: Attribute] = [:],
    domain: String = microsoft
  ) throws -> [Float] {
    var builder = GraphBuilder()
    var ids: [ValueID?] = inputs.enumerated().map { index, tensor in
      builder.input("x\(index)", tensor.shape.dims.map(Dimension.fixed), tensor.dataType)
    }
    for constant in constants { ids.append(builder.graph.addConstant("c\(ids.count)", constant)) }
    builder.output(builder.node(name, ids, attributes, domain: domain, version: 1))
    let fast = try Program(builder.graph).run(inputs)[0]
    let reference = try Program(builder.graph, options: CompileOptions(isReference: true)).run(inputs)[0]
    let (a, b) = (numbers(fast), numbers(reference))
    #expect(zip(a, b).allSatisfy { abs($0 - $1) <= 1e-5 * max(1, abs($1)) }, "\(name): \(a) is not \(b)")
    return b
  }

  private func numbers(_ tensor: Tensor) -> [Float] {
    tensor.dataType == .float32 ? tensor.elements(as: Float.self) : tensor.integers!.map(Float.init)
  }

  private func expect(_ got: [Float], _ wanted: [Float], _ comment: Comment) {
    #expect(got.count == wanted.count && zip(got, wanted).allSatisfy { abs($0 - $1) < 1e-4 }, comment)
  }

  @Test func activationsAreSpelledOut() throws {
    let x: [Float] = [-2, -0.5, 0, 1, 3, 0.25]
    expect(
      try run("QuickGelu", [Tensor(x)], [], ["alpha": .float(1.5)]), x.map { x -> Float in x / (1 + exp(-1.5 * x)) }, "QuickGelu")
    let bias: [Float] = [1, 2, 3]
    let sums = x.indices.map { x[$0] + bias[$0 % 3] }
    expect(
      try run("FastGelu", [Tensor(x, shape: [2, 3]), Tensor(bias)]),
      sums.map { x -> Float in
        let cubic = x + 0.044715 * x * x * x
        return 0.5 * x * (1 + tanh(0.7978846 * cubic))
      }, "FastGelu")
    expect(
      try run("BiasSplitGelu", [Tensor([1, 2, 10, -10] as [Float], shape: [1, 4]), Tensor([0, 0, 0, 0] as [Float])]),
      [10, 0], "BiasSplitGelu")
  }

  @Test func fusedProductsTransposeAndScale() throws {
    let a = Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [3, 2]), b = Tensor([1, 0, 0, 1, 1, 1] as [Float], shape: [2, 3])
    let attributes: [String: Attribute] = ["transA": .int(1), "transB": .int(1), "alpha": .float(0.5)]
    expect(try run("FusedMatMul", [a, b], [], attributes), [0.5, 4.5, 1, 6], "FusedMatMul")
    var builder = GraphBuilder()
    let x = builder.graph.addInput("x", TensorType(.float32, nil)), y = builder.graph.addInput("y", TensorType(.float32, nil))
    builder.output(builder.node("FusedMatMul", [x, y], attributes, domain: Self.microsoft, version: 1))
    #expect(throws: CompileError.self) { try Program(builder.graph) }
  }

  @Test func fusedConvolutionsGoThroughThePassesAgain() throws {
    var random = SeededGenerator(seed: 4)
    var builder = GraphBuilder()
    let x = builder.input("x", [1, 2, 5, 5])
    let weights = builder.constant(random.floats(3 * 2 * 9), [3, 2, 3, 3]), bias = builder.constant(random.floats(3))
    builder.output(
      builder.node(
        "FusedConv", [x, weights, bias], ["activation": .string(Array("Relu".utf8))], domain: Self.microsoft, version: 1))
    let program = try Program(builder.graph), reference = try Program(builder.graph, options: CompileOptions(isReference: true))
    #expect(program.graph.nodes.map(\.operatorName) == ["Conv"])
    #expect(reference.graph.nodes.map(\.operatorName) == ["Conv", "Relu"])
    let input = random.tensor([1, 2, 5, 5])
    #expect(relativeError(try program.run([input])[0], try reference.run([input])[0]) < 1e-5)
  }

  @Test func sumsAreNormalized() throws {
    let x = Tensor([1, 2, 3, 4] as [Float], shape: [1, 4]), skip = Tensor([1, 0, 1, 0] as [Float], shape: [1, 4])
    let gamma = Tensor([1, 1, 1, 2] as [Float])
    let sums: [Float] = [2, 2, 4, 4]
    expect(
      try run("SkipLayerNormalization", [x, skip], [gamma]), sums.indices.map { (sums[$0] - 3) * ($0 == 3 ? 2 : 1) },
      "SkipLayerNormalization")
    let root = Float(10).squareRoot()
    expect(
      try run("SkipSimplifiedLayerNormalization", [x, skip], [gamma]),
      sums.indices.map { sums[$0] / root * ($0 == 3 ? 2 : 1) }, "SkipSimplifiedLayerNormalization")
  }

  @Test func quantizedSumsAreOneLoop() throws {
    func scale(_ value: Float) -> Tensor { Tensor(scalar: value) }
    func zero(_ value: UInt8) -> Tensor { Tensor(scalar: value) }
    let a: [UInt8] = [0, 100, 200, 255], b: [UInt8] = [50, 60, 70, 80]
    var builder = GraphBuilder()
    let x = builder.input("x", [4], .uint8), y = builder.input("y", [4], .uint8)
    let constants = [scale(0.5), zero(100), scale(0.25), zero(64), scale(0.4), zero(10)].enumerated().map {
      builder.graph.addConstant("c\($0)", $1)
    }
    builder.output(
      builder.node(
        "QLinearAdd", [x, constants[0], constants[1], y, constants[2], constants[3], constants[4], constants[5]],
        domain: Self.microsoft, version: 1))
    let wanted = zip(a, b).map { a, b -> Float in
      let sum = (Float(a) - 100) * 0.5 + (Float(b) - 64) * 0.25
      return min(max((sum / 0.4).rounded(.toNearestOrEven) + 10, 0), 255)
    }
    let inputs = [Tensor(a), Tensor(b)]
    let program = try Program(builder.graph)
    #expect(numbers(try program.run(inputs)[0]) == wanted)
    #expect(try program.plan(inputs.map { TensorType($0.dataType, $0.shape) }).steps.count == 1)
    let reference = try Program(builder.graph, options: CompileOptions(isReference: true))
    #expect(numbers(try reference.run(inputs)[0]) == wanted)
  }

  @Test func packedWeightsMultiply() throws {
    // Two rows of 16 columns in one block each: 4-bit codes 0 ... 15, then all 8.
    var packed: [UInt8] = [0x10, 0x32, 0x54, 0x76, 0x98, 0xBA, 0xDC, 0xFE]
    packed += [UInt8](repeating: 0x88, count: 8)
    let x = [Float](repeating: 1, count: 15) + [2]
    let attributes: [String: Attribute] = ["K": .int(16), "N": .int(2), "bits": .int(4), "block_size": .int(16)]
    // Sum of codes less 8 each, the last counted twice: 120 - 128 + 7.
    expect(
      try run(
        "MatMulNBits", [Tensor(x, shape: [1, 16])], [Tensor(packed, shape: [2, 1, 8]), Tensor([0.5, 3] as [Float])],
        attributes), [-0.5, 0], "MatMulNBits")
  }

  @Test func inversesAreFound() throws {
    let x = Tensor([0, 2, 4, 0] as [Float], shape: [2, 2])
    expect(try run("Inverse", [x]), [0, 0.25, 0.5, 0], "Inverse")
    #expect(throws: (any Error).self) { try run("Inverse", [Tensor([1, 2, 2, 4] as [Float], shape: [2, 2])]) }
  }

  @Test func aTrainingStepMoves() throws {
    let inputs = [Tensor(scalar: Float(0.1)), Tensor(scalar: Int64(1)), Tensor([1, 2] as [Float]),
      Tensor([0.5, -1] as [Float]), Tensor([2, 4] as [Float])]
    let attributes: [String: Attribute] = [
      "alpha": .float(0.9), "beta": .float(1), "norm_coefficient": .float(0), "mode": .string(Array("standard".utf8)),
    ]
    expect(
      try run("Momentum", inputs, [], attributes, domain: "ai.onnx.preview.training"), [0.77, 1.74], "Momentum")
  }

  @Test func quantizedRecurrentLayersRoundTheirInputsAndStates() throws {
    func rounded(_ x: [Float]) -> [Float] {
      let low = min(0, x.min()!), scale = (max(0, x.max()!) - low) / 255
      guard scale > 0 else { return x }
      let zero = (-low / scale).rounded(.toNearestOrEven)
      return x.map { (min(max(($0 / scale).rounded(.toNearestOrEven) + zero, 0), 255) - zero) * scale }
    }
    func sigmoid(_ x: Float) -> Float { 1 / (1 + exp(-x)) }
    let time = 4, size = 3, hidden = 2, width = 8
    var numbers = SystemRandomNumberGenerator()
    let levels = (0..<size * width).map { _ in Int8.random(in: -128...127, using: &numbers) }
    let stateLevels = (0..<hidden * width).map { _ in Int8.random(in: -128...127, using: &numbers) }
    let bias = (0..<2 * width).map { _ in Float.random(in: -0.2...0.2, using: &numbers) }
    let x = (0..<time * size).map { _ in Float.random(in: -2...2, using: &numbers) }
    let scale: Float = 0.01, stateScale: Float = 0.02, zero: Int8 = 3, stateZero: Int8 = -5

    let given = rounded(x)
    var state = [Float](repeating: 0, count: hidden), cell = state, wanted: [Float] = []
    for t in 0..<time {
      let h = rounded(state)
      var gates = (0..<width).map { bias[$0] + bias[width + $0] }
      for j in 0..<width {
        for i in 0..<size { gates[j] += given[t * size + i] * (Float(levels[i * width + j]) - Float(zero)) * scale }
        for i in 0..<hidden { gates[j] += h[i] * (Float(stateLevels[i * width + j]) - Float(stateZero)) * stateScale }
      }
      for j in 0..<hidden {
        let (input, output, forget) = (sigmoid(gates[j]), sigmoid(gates[hidden + j]), sigmoid(gates[2 * hidden + j]))
        cell[j] = forget * cell[j] + input * tanh(gates[3 * hidden + j])
        state[j] = output * tanh(cell[j])
      }
      wanted += state
    }
    var builder = GraphBuilder()
    let input = builder.input("x", [.fixed(time), 1, .fixed(size)], .float32)
    func constant(_ tensor: Tensor) -> ValueID? { builder.graph.addConstant("c\(builder.graph.values.count)", tensor) }
    let inputs: [ValueID?] = [
      input, constant(Tensor(levels, shape: [1, size, width])), constant(Tensor(stateLevels, shape: [1, hidden, width])),
      constant(Tensor(bias, shape: [1, 2 * width])), nil, nil, nil, nil, constant(Tensor([scale])), constant(Tensor([zero])),
      constant(Tensor([stateScale])), constant(Tensor([stateZero])),
    ]
    builder.output(
      builder.node(
        "DynamicQuantizeLSTM", inputs, ["hidden_size": .int(hidden)], domain: Self.microsoft, version: 1))
    for isReference in [false, true] {
      let program = try Program(builder.graph, options: CompileOptions(isReference: isReference))
      expect(self.numbers(try program.run([Tensor(x, shape: [time, 1, size])])[0]), wanted, "DynamicQuantizeLSTM")
    }
  }
}
