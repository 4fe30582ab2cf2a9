import GraphIR
import Operators
import Tensors
import Testing

@Suite struct ConvTests {
  /// One convolution's sizes and attributes.
  private struct Case: CustomStringConvertible {
    var batch: Int
    var groups: Int
    var channelsPerGroup: Int
    var filtersPerGroup: Int
    var input: [Int]
    var kernel: [Int]
    var strides: [Int]
    var dilations: [Int]
    var pads: [Int]
    var hasBias: Bool

    init(_ random: inout RandomSource, rank: Int) {
      batch = random.int(1...2)
      groups = random.pick([1, 1, 2, 5])
      channelsPerGroup = random.pick([1, 2, 3, 8, 17])
      filtersPerGroup = random.pick([1, 3, 4, 16, 20])
      if random.int(0...4) == 0 { (groups, channelsPerGroup, filtersPerGroup) = (random.pick([3, 16, 33]), 1, 1) }
      (input, kernel, strides, dilations, pads) = ([], [], [], [], [])
      for _ in 0..<rank {
        kernel.append(random.int(1...4))
        strides.append(random.int(1...3))
        dilations.append(random.int(1...2))
      }
      pads = (0..<2 * rank).map { _ in random.int(0...3) }
      input = (0..<rank).map { _ in random.int(7...11) }
      hasBias = random.bool()
    }

    var description: String {
      "N\(batch) G\(groups) C\(channelsPerGroup) M\(filtersPerGroup) \(input) k\(kernel) s\(strides) d\(dilations) p\(pads)"
    }

    var attributes: [String: Attribute] {
      [
        "group": .int(groups), "strides": .ints(strides), "dilations": .ints(dilations), "pads": .ints(pads),
        "kernel_shape": .ints(kernel),
      ]
    }

    func operands(_ random: inout RandomSource) -> [Tensor?] {
      let x = random.tensor(Shape([batch, groups * channelsPerGroup] + input))
      let w = random.tensor(Shape([groups * filtersPerGroup, channelsPerGroup] + kernel))
      return hasBias ? [x, w, random.tensor([groups * filtersPerGroup])] : [x, w]
    }

    /// The convolution as its definition says, in double.
    func expected(_ operands: [Tensor?]) -> Expected {
      let x = operands[0]!.doubles!, w = operands[1]!.doubles!, bias = hasBias ? operands[2]!.doubles! : nil
      let rank = input.count, channels = groups * channelsPerGroup, filters = groups * filtersPerGroup
      let output = (0..<rank).map { axis -> Int in
        let reach = (kernel[axis] - 1) * dilations[axis] + 1
        return (input[axis] + pads[axis] + pads[axis + rank] - reach) / strides[axis] + 1
      }
      let shape = Shape([batch, filters] + output)
      var values: [Double] = []
      for n in 0..<batch {
        for m in 0..<filters {
          forEachIndex(output) { o in
            var sum = bias?[m] ?? 0
            for c in 0..<channelsPerGroup {
              forEachIndex(kernel) { k in
                var xAt = n * channels + m / filtersPerGroup * channelsPerGroup + c, wAt = m * channelsPerGroup + c
                for axis in 0..<rank {
                  let i = o[axis] * strides[axis] + k[axis] * dilations[axis] - pads[axis]
                  guard 0..<input[axis] ~= i else { return }
                  xAt = xAt * input[axis] + i
                  wAt = wAt * kernel[axis] + k[axis]
                }
                sum += x[xAt] * w[wAt]
              }
            }
            values.append(sum)
          }
        }
      }
      return Expected(shape, values)
    }
  }

  @Test(arguments: [1, 2, 3]) func followsItsDefinition(rank: Int) {
    for seed in 0..<(rank == 2 ? 30 : 10) {
      var random = RandomSource(seed: seed + 1000 * rank)
      let it = Case(&random, rank: rank)
      let operands = it.operands(&random)
      OperatorRunner("Conv", version: 11, attributes: it.attributes).expect(
        operands, constants: random.bool() ? [1, 2] : [], gives: [it.expected(operands)], relative: 2e-5, absolute: 2e-5,
        "seed \(seed), \(it)")
    }
  }

  @Test func aLargeImageToo() {
    for (seed, channels) in [3, 64, 40].enumerated() {
      var random = RandomSource(seed: seed)
      var it = Case(&random, rank: 2)
      (it.batch, it.groups, it.channelsPerGroup, it.filtersPerGroup) = (1, 1, channels, 72)
      (it.input, it.kernel, it.strides, it.dilations) = ([33, 30], [3, 3], [1, 1], [1, 1])
      it.pads = [1, 1, 1, 1]
      let operands = it.operands(&random)
      OperatorRunner("Conv", version: 22, attributes: it.attributes).expect(
        operands, constants: [1, 2], gives: [it.expected(operands)], relative: 1e-4, absolute: 2e-4, "\(it)")
    }
  }

  @Test func specExampleWithPadding() {
    let x = Tensor((0..<25).map(Float.init), shape: [1, 1, 5, 5])
    let w = Tensor([Float](repeating: 1, count: 9), shape: [1, 1, 3, 3])
    let sums: [Double] = [
      12, 21, 27, 33, 24, 33, 54, 63, 72, 51, 63, 99, 108, 117, 81, 93, 144, 153, 162, 111, 72, 111, 117, 123, 84,
    ]
    OperatorRunner("Conv", version: 11, attributes: ["pads": .ints([1, 1, 1, 1])]).expect(
      [x, w], constants: [1], gives: [Expected([1, 1, 5, 5], sums)])
  }

  @Test func samePaddingPutsTheOddElementWhereItIsTold() {
    let x = Tensor([1, 2, 3, 4] as [Float], shape: [1, 1, 4])
    let w = Tensor([1, 10] as [Float], shape: [1, 1, 2])
    OperatorRunner("Conv", version: 11, attributes: ["auto_pad": .string(Array("SAME_UPPER".utf8))]).expect(
      [x, w], gives: [Expected([1, 1, 4], [21, 32, 43, 4])])
    OperatorRunner("Conv", version: 11, attributes: ["auto_pad": .string(Array("SAME_LOWER".utf8))]).expect(
      [x, w], gives: [Expected([1, 1, 4], [10, 21, 32, 43])])
    OperatorRunner("Conv", version: 11, attributes: ["auto_pad": .string(Array("VALID".utf8))]).expect(
      [x, w], gives: [Expected([1, 1, 3], [21, 32, 43])])
  }

  @Test(arguments: [2, 3]) func fusesInTheOrderItIsAsked(rank: Int) {
    for seed in 0..<8 {
      var random = RandomSource(seed: 77 + seed)
      let it = Case(&random, rank: rank)
      var operands = it.operands(&random)
      let plain = it.expected(operands)
      let filters = it.groups * it.filtersPerGroup
      let scale = (0..<filters).map { _ in Float.random(in: 0.5...2, using: &random) }
      let shift = (0..<filters).map { _ in Float.random(in: -1...1, using: &random) }
      let residual = random.tensor(plain.shape)
      operands.append(residual)
      let r = residual.doubles!, plane = plain.shape.count(2..<plain.shape.rank)
      let affine = plain.values.indices.map { i in
        let c = i / plane % filters
        return plain.values[i] * Double(scale[c]) + Double(shift[c])
      }
      let constants: Set<Int> = random.bool() ? [1, 2] : []
      OperatorRunner("Conv", version: 11, attributes: it.attributes, fusedInputs: 1) {
        ($0 as! Conv).folding(scale: scale, shift: shift)!.fusingResidual()!.fusing(.relu)!
      }.expect(
        operands, constants: constants.intersection(0..<(operands.count - 1)),
        gives: [Expected(plain.shape, affine.indices.map { max(affine[$0] + r[$0], 0) })], relative: 5e-5, absolute: 5e-5,
        "before, seed \(seed), \(it)")
      OperatorRunner("Conv", version: 11, attributes: it.attributes, fusedInputs: 1) {
        ($0 as! Conv).folding(scale: scale, shift: shift)!.fusing(.leakyRelu(alpha: 0.25))!.fusingResidual()!
      }.expect(
        operands, constants: constants.intersection(0..<(operands.count - 1)),
        gives: [Expected(plain.shape, affine.indices.map { (affine[$0] < 0 ? 0.25 : 1) * affine[$0] + r[$0] })],
        relative: 5e-5, absolute: 5e-5, "after, seed \(seed), \(it)")
    }
  }

  @Test func aSlopeForEveryChannel() {
    var random = RandomSource(seed: 5)
    let x = random.tensor([1, 4, 6, 6]), w = random.tensor([3, 4, 1, 1])
    let plain = OperatorRunner("Conv", version: 11)
    guard let y = try? plain.run([x, w])[0].doubles else { return #expect(Bool(false)) }
    OperatorRunner("Conv", version: 11) { ($0 as! Conv).fusing(.prelu(slopes: [0.5, 0, -1]))! }.expect(
      [x, w], constants: [1],
      gives: [Expected([1, 3, 6, 6], y.indices.map { y[$0] < 0 ? y[$0] * [0.5, 0, -1][$0 / 36] : y[$0] })])
  }

  @Test func refusesWhatDoesNotFit() {
    let x = Tensor(.float32, [1, 4, 5, 5])
    func refused(_ w: Shape, _ attributes: [String: Attribute] = [:], bias: Shape? = nil, _ comment: String = "") {
      let operands: [Tensor?] = [x, Tensor(.float32, w)] + (bias.map { [Tensor(.float32, $0)] } ?? [])
      OperatorRunner("Conv", version: 11, attributes: attributes).expectRefusal(operands, comment)
    }
    refused([2, 3, 3, 3])  // channels
    refused([3, 2, 3, 3], ["group": .int(2)], "filters and groups")
    refused([2, 4, 3, 3], ["group": .int(0)], "no group")
    refused([2, 4, 6, 6])  // kernel larger than the input
    refused([2, 4, 3, 3], ["strides": .ints([0, 1])], "stride 0")
    refused([2, 4, 3, 3], ["dilations": .ints([1, -1])], "negative dilation")
    refused([2, 4, 3, 3], ["pads": .ints([0, 0, -1, 0])], "negative pad")
    refused([2, 4, 3, 3], ["pads": .ints([0, 0])], "pads for one axis")
    refused([2, 4, 3, 3], ["kernel_shape": .ints([3, 2])], "kernel_shape and weights")
    refused([2, 4, 3, 3], ["dilations": .ints([Int.max, 1])], "huge dilation")
    refused([2, 4, 3])  // rank
    refused([2, 4, 3, 3], bias: [3], "bias")
    refused([2, 4, 0, 3])  // empty kernel
    refused([2, 4, 3, 3], ["auto_pad": .string(Array("SAME".utf8))], "auto_pad")
  }
}

/// Every index into an array of these extents, row-major.
func forEachIndex(_ extents: [Int], _ body: ([Int]) -> Void) {
  guard !extents.contains(0) else { return }
  var index = [Int](repeating: 0, count: extents.count)
  while true {
    body(index)
    var axis = extents.count - 1
    while axis >= 0 {
      index[axis] += 1
      if index[axis] < extents[axis] { break }
      index[axis] = 0
      axis -= 1
    }
    if axis < 0 { return }
  }
}
