import GraphIR
import Operators
import Tensors
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The element of a broadcast operand that belongs to element `position` of a tensor of shape `shape`.
func broadcastIndex(_ position: Int, of shape: Shape, in operand: Shape) -> Int {
  var (rest, index, stride) = (position, 0, 1)
  for fromEnd in 1...max(shape.rank, 1) where fromEnd <= shape.rank {
    let extent = shape[shape.rank - fromEnd]
    let coordinate = rest % extent
    rest /= extent
    guard fromEnd <= operand.rank else { continue }
    let own = operand[operand.rank - fromEnd]
    index += (own == 1 ? 0 : coordinate) * stride
    stride *= own
  }
  return index
}

/// What `formula` makes of broadcast operands, element by element.
func broadcast(_ tensors: [Tensor], _ formula: ([Double]) -> Double) -> Expected {
  let shape = tensors.dropFirst().reduce(tensors[0].shape) { $0.broadcast(with: $1.shape)! }
  let values = tensors.map { $0.doubles! }
  return Expected(
    shape,
    (0..<shape.count).map { position in
      formula(tensors.indices.map { values[$0][broadcastIndex(position, of: shape, in: tensors[$0].shape)] })
    })
}

@Suite struct ElementwiseTests {
  static let shapes: [(Shape, Shape)] = [
    ([], []), ([1], []), ([5], [5]), ([3, 4], [4]), ([3, 1], [1, 4]), ([2, 3, 5, 7], [2, 3, 5, 7]),
    ([2, 3, 5, 7], [3, 1, 1]), ([2, 3, 5, 7], [1]), ([3, 1, 1], [2, 3, 5, 7]), ([2, 3, 5, 7], [2, 1, 5, 1]),
    ([1, 17, 9, 9], [1, 17, 1, 1]), ([2, 1, 4], [1, 3, 1]), ([0, 3], [1, 3]), ([2, 19, 6], [2, 19, 6]),
    ([1, 1, 2, 1, 2, 2, 1, 2, 2, 2], [2, 1, 2, 1, 2, 1, 1, 1, 2, 1]),
  ]

  @Test func unaryFloatFormulas() {
    let formulas: [(String, ClosedRange<Float>, (Double) -> Double)] = [
      ("Abs", -3...3, abs), ("Acos", -1...1, acos), ("Acosh", 1...9, acosh), ("Asin", -1...1, asin),
      ("Asinh", -9...9, asinh), ("Atan", -9...9, atan), ("Atanh", -0.99...0.99, atanh),
      ("Ceil", -4...4, { $0.rounded(.up) }), ("Cos", -9...9, cos), ("Cosh", -5...5, cosh), ("Erf", -4...4, erf),
      ("Exp", -9...9, exp), ("Floor", -4...4, { $0.rounded(.down) }),
      ("HardSwish", -5...5, { $0 * max(0, min(1, $0 / 6 + 0.5)) }), ("Log", 0.001...9, log),
      ("Mish", -9...9, { $0 * tanh(log1p(exp($0))) }), ("Neg", -3...3, { -$0 }), ("Reciprocal", 0.1...9, { 1 / $0 }),
      ("Relu", -3...3, { max($0, 0) }), ("Round", -4...4, { $0.rounded(.toNearestOrEven) }),
      ("Sigmoid", -9...9, { 1 / (1 + exp(-$0)) }), ("Sign", -3...3, { $0 > 0 ? 1 : $0 < 0 ? -1 : 0 }),
      ("Sin", -9...9, sin), ("Sinh", -5...5, sinh), ("Softplus", -9...9, { log1p(exp($0)) }),
      ("Softsign", -9...9, { $0 / (1 + abs($0)) }), ("Sqrt", 0...9, { $0.squareRoot() }), ("Tan", -1.5...1.5, tan),
      ("Tanh", -5...5, tanh),
    ]
    for (number, (name, range, formula)) in formulas.enumerated() {
      var random = RandomSource(seed: number)
      for shape in [[2, 3, 5, 7], [61], [], [1, 33, 4], [0, 2]] as [Shape] {
        let x = random.tensor(shape, in: range)
        OperatorRunner(name, version: 22).expect(
          [x], gives: [broadcast([x]) { formula($0[0]) }], relative: 2e-6, absolute: 1e-6, "seed \(number)")
      }
    }
  }

  @Test func otherFloatTypesRoundOnce() {
    var random = RandomSource(seed: 4)
    let doubles = (0..<40).map { _ in Double.random(in: -2...2, using: &random) }
    let x = Tensor(doubles, shape: [2, 4, 5])
    OperatorRunner("Tanh", version: 13).expect([x], equals: [Tensor(doubles.map { tanh($0) }, shape: [2, 4, 5])])
    // 1 + 2^-11 lies halfway between two half-precision numbers; 3 * 2^-24 is subnormal.
    let halves = half([0x3C00, 0x0003, 0x7BFF, 0xFC00])
    let added = half([0x1000, 0x0003, 0x7BFF, 0x3C00])
    OperatorRunner("Add", version: 14).expect([halves, added], equals: [half([0x3C00, 0x0006, 0x7C00, 0xFC00])])
    let brains = brain([0x3F80, 0x4049, 0xFF80])
    OperatorRunner("Mul", version: 14).expect([brains, brains], equals: [brain([0x3F80, 0x411E, 0x7F80])])
  }

  private func half(_ codes: [UInt16]) -> Tensor { reinterpreted(codes, .float16) }
  private func brain(_ codes: [UInt16]) -> Tensor { reinterpreted(codes, .bfloat16) }

  @Test func arithmeticBroadcasts() {
    let formulas: [(String, (Double, Double) -> Double)] = [
      ("Add", { $0 + $1 }), ("Sub", { $0 - $1 }), ("Mul", { $0 * $1 }), ("Div", { $0 / $1 }), ("Pow", pow),
      ("Max", max), ("Min", min), ("Sum", { $0 + $1 }), ("Mean", { ($0 + $1) / 2 }),
    ]
    for (number, (name, formula)) in formulas.enumerated() {
      var random = RandomSource(seed: number)
      for (a, b) in Self.shapes {
        let (x, y) = (random.tensor(a, in: 0.25...2), random.tensor(b, in: 0.25...2))
        let expected = broadcast([x, y]) { formula($0[0], $0[1]) }
        let runner = OperatorRunner(name, version: 14)
        runner.expect([x, y], gives: [expected], relative: 1e-5, "seed \(number), \(a) and \(b)")
        if b.count == 1 {
          runner.expect([x, y], constants: [1], gives: [expected], relative: 1e-5, "seed \(number), constant \(b)")
        }
      }
    }
  }

  @Test func aScalarConstantMayBeOnEitherSide() {
    let (x, two) = (Tensor([1, 2, -4] as [Float]), Tensor(scalar: 2 as Float))
    OperatorRunner("Sub", version: 14).expect([two, x], constants: [0], equals: [Tensor([1, 0, 6] as [Float])])
    OperatorRunner("Pow", version: 15).expect([x, two], constants: [1], equals: [Tensor([1, 4, 16] as [Float])])
    OperatorRunner("Add", version: 14).expect([two, two], constants: [0, 1], equals: [Tensor(scalar: 4 as Float)])
  }

  @Test func oldBroadcastsStartAtAnAxis() {
    let x = Tensor((0..<24).map(Float.init), shape: [2, 3, 4])
    let y = Tensor([100, 200, 300] as [Float])
    let raised = (0..<24).map { (position: Int) -> Float in Float(position + 100 * (1 + position / 4 % 3)) }
    let expected = Tensor(raised, shape: [2, 3, 4])
    OperatorRunner("Add", version: 6, attributes: ["broadcast": .int(1), "axis": .int(1)])
      .expect([x, y], equals: [expected])
    let negative = (0..<24).map { Float(-$0) }
    let steeper = (0..<24).map { (position: Int) -> Float in Float(-position * 100 * (1 + position / 4 % 3)) }
    OperatorRunner("PRelu", version: 6).expect(
      [Tensor(negative, shape: [2, 3, 4]), y], equals: [Tensor(steeper, shape: [2, 3, 4])])
  }

  @Test func integersWrapAndDivideTowardsZero() {
    let most = Int64.max
    OperatorRunner("Add", version: 14).expect(
      [Tensor([most, 1]), Tensor([1, 2] as [Int64])], equals: [Tensor([Int64.min, 3])])
    OperatorRunner("Mul", version: 14).expect(
      [Tensor([2_654_435_761, -3] as [Int64]), Tensor([2_654_435_761, 5] as [Int64])],
      equals: [Tensor([2_654_435_761 &* 2_654_435_761, -15] as [Int64])])
    OperatorRunner("Div", version: 14).expect(
      [Tensor([-7, 7, Int64.min, 9] as [Int64]), Tensor([2, -2, -1, 3] as [Int64])],
      equals: [Tensor([-3, -3, Int64.min, 3] as [Int64])])
    OperatorRunner("Div", version: 14).expect(
      [Tensor([Int8.min, 100]), Tensor([-1, 7] as [Int8])], equals: [Tensor([Int8.min, 14])])
    OperatorRunner("Div", version: 14).expect(
      [Tensor([UInt64.max, 9]), Tensor([2, 4] as [UInt64])], equals: [Tensor([UInt64.max / 2, 2])])
    OperatorRunner("Sub", version: 14).expect(
      [Tensor([1, 200] as [UInt8]), Tensor([2, 100] as [UInt8])], equals: [Tensor([255, 100] as [UInt8])])
    OperatorRunner("Neg", version: 13).expect([Tensor([Int32.min, 4])], equals: [Tensor([Int32.min, -4])])
    OperatorRunner("Div", version: 14).expectRefusal([Tensor([1] as [Int64]), Tensor([0] as [Int64])])
    OperatorRunner("Mod", version: 13).expectRefusal([Tensor([1] as [Int32]), Tensor([0] as [Int32])])
  }

  @Test func modTakesTheSignItIsAskedFor() {
    let (x, y) = ([-4, 7, 5, 4, -7, 8] as [Int64], [2, -3, 8, -2, 3, 5] as [Int64])
    OperatorRunner("Mod", version: 13).expect(
      [Tensor(x), Tensor(y)], equals: [Tensor([0, -2, 5, 0, 2, 3] as [Int64])])
    OperatorRunner("Mod", version: 13, attributes: ["fmod": .int(1)])
      .expect([Tensor(x), Tensor(y)], equals: [Tensor([0, 1, 5, 0, -1, 3] as [Int64])])
    let (a, b) = ([-4.3, 7.2, 5, 4.3, -7.2, 8] as [Float], [2.1, -3.4, 8, -2.1, 3.4, 5] as [Float])
    OperatorRunner("Mod", version: 13, attributes: ["fmod": .int(1)])
      .expect([Tensor(a), Tensor(b)], equals: [Tensor(zip(a, b).map { fmodf($0, $1) })])
  }

  @Test func powMixesTypes() {
    OperatorRunner("Pow", version: 15).expect(
      [Tensor([2, 3, -2] as [Int32]), Tensor([3, 2, 3] as [Float])], equals: [Tensor([8, 9, -8] as [Int32])])
    OperatorRunner("Pow", version: 15).expect(
      [Tensor([2, 0.5, -2] as [Float]), Tensor([3, 2, 3] as [Int64])], equals: [Tensor([8, 0.25, -8] as [Float])])
    OperatorRunner("Pow", version: 15).expect(
      [Tensor([2, 3, -1, 7] as [Int64]), Tensor([40, 4, -3, -1] as [Int64])],
      equals: [Tensor([1 << 40, 81, -1, 0] as [Int64])])
  }

  @Test func comparisonsAndLogicGiveBooleans() {
    let comparisons: [(String, (Double, Double) -> Bool)] = [
      ("Equal", { $0 == $1 }), ("Less", { $0 < $1 }), ("LessOrEqual", { $0 <= $1 }), ("Greater", { $0 > $1 }),
      ("GreaterOrEqual", { $0 >= $1 }),
    ]
    for (number, (name, formula)) in comparisons.enumerated() {
      var random = RandomSource(seed: number)
      for (a, b) in Self.shapes {
        let pairs = [
          (random.tensor(a, in: -2...2 as ClosedRange<Int64>), random.tensor(b, in: -2...2 as ClosedRange<Int64>)),
          (random.tensor(a, in: 0...3 as ClosedRange<UInt64>), random.tensor(b, in: 0...3 as ClosedRange<UInt64>)),
        ]
        for (x, y) in pairs + pairs.map({ (floats($0), floats($1)) }) {
          OperatorRunner(name, version: 19).expect(
            [x, y], gives: [broadcast([x, y]) { formula($0[0], $0[1]) ? 1 : 0 }], "seed \(number)")
        }
      }
    }
    OperatorRunner("Less", version: 13).expect(
      [Tensor([UInt64.max]), Tensor([1] as [UInt64])], equals: [Tensor([false])])
    let (x, y) = (Tensor([true, true, false, false]), Tensor([true, false, true, false]))
    OperatorRunner("And", version: 7).expect([x, y], equals: [Tensor([true, false, false, false])])
    OperatorRunner("Or", version: 7).expect([x, y], equals: [Tensor([true, true, true, false])])
    OperatorRunner("Xor", version: 7).expect([x, y], equals: [Tensor([false, true, true, false])])
    OperatorRunner("Equal", version: 13).expect([x, y], equals: [Tensor([true, false, false, true])])
    OperatorRunner("Not", version: 1).expect([y], equals: [Tensor([false, true, false, true])])
    OperatorRunner("And", version: 7).expectRefusal([Tensor([1] as [Float]), Tensor([1] as [Float])])
  }

  private func floats(_ tensor: Tensor) -> Tensor { Tensor(tensor.doubles!.map { Float($0) }, shape: tensor.shape) }

  @Test func specialNumbersAreFound() {
    let x = Tensor([1, .infinity, -.infinity, .nan] as [Float])
    OperatorRunner("IsNaN", version: 13).expect([x], equals: [Tensor([false, false, false, true])])
    OperatorRunner("IsInf", version: 10).expect([x], equals: [Tensor([false, true, true, false])])
    OperatorRunner("IsInf", version: 20, attributes: ["detect_negative": .int(0)])
      .expect([x], equals: [Tensor([false, true, false, false])])
    OperatorRunner("IsInf", version: 20, attributes: ["detect_positive": .int(0)])
      .expect([x], equals: [Tensor([false, false, true, false])])
    OperatorRunner("IsInf", version: 20, attributes: ["detect_positive": .int(0), "detect_negative": .int(0)])
      .expect([x], equals: [Tensor([false, false, false, false])])
  }

  @Test func whereChooses() {
    var random = RandomSource(seed: 9)
    let (x, y) = (random.tensor([2, 3, 4, 5]), random.tensor([3, 1, 1]))
    let condition = Tensor((0..<20).map { _ in random.bool() }, shape: [4, 5])
    OperatorRunner("Where", version: 16).expect(
      [condition, x, y], gives: [broadcast([condition, x, y]) { $0[0] != 0 ? $0[1] : $0[2] }], relative: 0, absolute: 0)
    OperatorRunner("Where", version: 16).expect(
      [Tensor([true, false]), Tensor([Int64.max, 2]), Tensor(scalar: 7 as Int64)],
      equals: [Tensor([Int64.max, 7])])
  }

  @Test func clipBounds() {
    let x = Tensor([-3, -1, 0, 1, 3] as [Float])
    let (low, high) = (Tensor(scalar: -1 as Float), Tensor(scalar: 2 as Float))
    let clip = OperatorRunner("Clip", version: 13)
    for constants in [[], [1], [1, 2]] as [Set<Int>] {
      clip.expect([x, low, high], constants: constants, equals: [Tensor([-1, -1, 0, 1, 2] as [Float])])
    }
    clip.expect([x, nil, high], constants: [2], equals: [Tensor([-3, -1, 0, 1, 2] as [Float])])
    clip.expect([x, low], constants: [1], equals: [Tensor([-1, -1, 0, 1, 3] as [Float])])
    clip.expect([x], equals: [x])
    clip.expect([x, high, low], equals: [Tensor([-1, -1, -1, -1, -1] as [Float])])
    OperatorRunner("Clip", version: 6, attributes: ["min": .float(0), "max": .float(1)])
      .expect([x], equals: [Tensor([0, 0, 0, 1, 1] as [Float])])
    clip.expect(
      [Tensor([-3, 300] as [Int64]), Tensor(scalar: 0 as Int64), Tensor(scalar: 255 as Int64)],
      equals: [Tensor([0, 255] as [Int64])])
    clip.expectRefusal([x, Tensor([1, 2] as [Float])])
  }

  @Test func parametricActivations() {
    let functions: [(String, [String: Attribute], (Double) -> Double)] = [
      ("LeakyRelu", ["alpha": .float(0.25)], { $0 < 0 ? 0.25 * $0 : $0 }),
      ("LeakyRelu", [:], { $0 < 0 ? Double(0.01 as Float) * $0 : $0 }),
      ("Elu", ["alpha": .float(2)], { $0 < 0 ? 2 * expm1($0) : $0 }),
      ("Selu", [:], { 1.0507009873554805 * ($0 < 0 ? 1.6732632423543772 * expm1($0) : $0) }),
      ("Selu", ["alpha": .float(2), "gamma": .float(3)], { 3 * ($0 < 0 ? 2 * expm1($0) : $0) }),
      ("Celu", ["alpha": .float(2)], { max(0, $0) + min(0, 2 * expm1($0 / 2)) }),
      ("HardSigmoid", [:], { max(0, min(1, 0.2 * $0 + 0.5)) }),
      ("HardSigmoid", ["alpha": .float(0.5), "beta": .float(0.25)], { max(0, min(1, 0.5 * $0 + 0.25)) }),
      ("ThresholdedRelu", ["alpha": .float(1.5)], { $0 > 1.5 ? $0 : 0 }),
      ("Swish", [:], { $0 / (1 + exp(-$0)) }), ("Swish", ["alpha": .float(2)], { $0 / (1 + exp(-2 * $0)) }),
      ("Gelu", [:], { 0.5 * $0 * (1 + erf($0 / 2.0.squareRoot())) }),
      (
        "Gelu", ["approximate": .string(Array("tanh".utf8))],
        {
          0.5 * $0 * (1 + tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * pow($0, 3))))
        }
      ),
    ]
    for (number, (name, attributes, formula)) in functions.enumerated() {
      var random = RandomSource(seed: number)
      let x = random.tensor([2, 17, 5, 3], in: -4...4)
      OperatorRunner(name, version: 24, attributes: attributes)
        .expect([x], gives: [broadcast([x]) { formula($0[0]) }], relative: 4e-6, absolute: 1e-6, "seed \(number)")
    }
  }

  @Test func preluSlopesBroadcast() {
    var random = RandomSource(seed: 3)
    let x = random.tensor([2, 5, 3, 4])
    for shape in [[5, 1, 1], [1], [], [2, 5, 3, 4], [4]] as [Shape] {
      let slopes = random.tensor(shape)
      for constants in [[], [1]] as [Set<Int>] {
        OperatorRunner("PRelu", version: 16).expect(
          [x, slopes], constants: constants, gives: [broadcast([x, slopes]) { $0[0] < 0 ? $0[0] * $0[1] : $0[0] }])
      }
    }
    OperatorRunner("PRelu", version: 16).expectRefusal([random.tensor([2, 1]), random.tensor([3, 2, 4])])
  }

  @Test func bitsAndShifts() {
    let (x, y) = (Tensor([0b1100, 0xFF] as [UInt8]), Tensor([0b1010, 0x0F] as [UInt8]))
    OperatorRunner("BitwiseAnd", version: 18).expect([x, y], equals: [Tensor([0b1000, 0x0F] as [UInt8])])
    OperatorRunner("BitwiseOr", version: 18).expect([x, y], equals: [Tensor([0b1110, 0xFF] as [UInt8])])
    OperatorRunner("BitwiseXor", version: 18).expect([x, y], equals: [Tensor([0b0110, 0xF0] as [UInt8])])
    OperatorRunner("BitwiseNot", version: 18).expect(
      [Tensor([5, -1] as [Int64])], equals: [Tensor([-6, 0] as [Int64])])
    OperatorRunner("BitwiseXor", version: 18).expect(
      [Tensor([2_654_435_761 &* 99, 7] as [Int64]), Tensor([805_459_861] as [Int64])],
      equals: [Tensor([(2_654_435_761 &* 99) ^ 805_459_861, 7 ^ 805_459_861] as [Int64])])
    OperatorRunner("BitShift", version: 11, attributes: ["direction": .string(Array("LEFT".utf8))]).expect(
      [Tensor([16, 4, 1] as [UInt64]), Tensor([1, 2, 64] as [UInt64])], equals: [Tensor([32, 16, 0] as [UInt64])])
    OperatorRunner("BitShift", version: 11, attributes: ["direction": .string(Array("RIGHT".utf8))]).expect(
      [Tensor([UInt64.max, 4] as [UInt64]), Tensor([63, 1] as [UInt64])], equals: [Tensor([1, 2] as [UInt64])])
  }

  @Test func manyInputsAreSummed() {
    let inputs = (0..<40).map { Tensor([Float($0), 1], shape: [2]) }
    OperatorRunner("Sum", version: 13).expect(inputs, equals: [Tensor([780, 40] as [Float])])
    OperatorRunner("Mean", version: 13).expect(inputs, gives: [Expected([2], [19.5, 1])])
    OperatorRunner("Max", version: 13).expect(
      [Tensor([1, .nan] as [Float]), Tensor([2, 1] as [Float])], equals: [Tensor([2, .nan] as [Float])])
    OperatorRunner("Max", version: 13).expect(
      [Tensor([Int64.max - 1]), Tensor([Int64.max])], equals: [Tensor([Int64.max])])
  }

  @Test func misfitsAreRefused() {
    let add = OperatorRunner("Add", version: 14)
    add.expectRefusal([Tensor([1, 2] as [Float]), Tensor([1, 2, 3] as [Float])])
    add.expectRefusal([Tensor([1] as [Float]), Tensor([1] as [Int64])])
    add.expectRefusal([Tensor([true]), Tensor([true])])
    add.expectRefusal([Tensor(strings: ["a"]), Tensor(strings: ["b"])], as: .unsupported)
  }

  @Test func chainsRunAsOneProgram() throws {
    // sigmoid(a * b + 1) * (a < b ? 2 : 3)
    var program = ElementwiseProgram(inputCount: 2)
    let (a, b) = (program.inputs[0], program.inputs[1])
    func node(_ name: String, _ count: Int) throws -> any ElementwiseOperator {
      let node = OperatorRunner(name, version: 16).makeNode(inputCount: count)
      return try #require(try OperatorRegistry.standard.implementation(of: node) as? any ElementwiseOperator)
    }
    let product = try node("Mul", 2).emit(&program, [a, b])
    let one = program.constant(1)
    let sum = try node("Add", 2).emit(&program, [product, one])
    let gate = try node("Sigmoid", 1).emit(&program, [sum])
    let less = try node("Less", 2).emit(&program, [a, b])
    let (two, three) = (program.constant(2), program.constant(3))
    let factor = try node("Where", 3).emit(&program, [less, two, three])
    program.outputs = [try node("Mul", 2).emit(&program, [gate, factor])]
    #expect(program.fitsKernel)
    let fused = FusedElementwise(program)
    var random = RandomSource(seed: 12)
    let (x, y) = (random.tensor([2, 3, 4, 5]), random.tensor([3, 1, 1]))
    OperatorRunner("Add", version: 14, transform: { _ in fused }).expect(
      [x, y],
      gives: [broadcast([x, y]) { 1 / (1 + exp(-($0[0] * $0[1] + 1))) * ($0[0] < $0[1] ? 2 : 3) }])
    var longer = ElementwiseProgram(inputCount: 1)
    longer.outputs = longer.append(program, inputs: [longer.inputs[0], longer.inputs[0]])
    #expect(longer.canAppend(program, newInputs: 1))
    while longer.canAppend(program, newInputs: 0) {
      longer.outputs = longer.append(program, inputs: [longer.outputs[0], longer.inputs[0]])
    }
    #expect(longer.fitsKernel)
  }
}

/// Sixteen-bit codes as a tensor of a type that Swift does not have.
func reinterpreted(_ codes: [UInt16], _ type: DataType, shape: Shape? = nil) -> Tensor {
  let raw = Tensor(codes, shape: shape)
  return Tensor(type, raw.shape, buffer: raw.buffer, byteOffset: raw.byteOffset)
}
