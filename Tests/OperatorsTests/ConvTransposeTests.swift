import GraphIR
import Operators
import Tensors
import Testing

@Suite struct ConvTransposeTests {
  /// The transposed convolution as its definition says: every input element adds a scaled kernel to the output.
  private func scatter(
    _ x: Tensor, _ w: Tensor, bias: [Double]?, groups: Int, strides: [Int], dilations: [Int], pads: [Int], output: [Int]
  ) -> Expected {
    let rank = output.count, channels = x.shape[1], perGroup = w.shape[1], filters = perGroup * groups
    let xs = x.doubles!, ws = w.doubles!
    let plane = output.reduce(1, *), input = Array(x.shape.dims[2...]), kernel = Array(w.shape.dims[2...])
    var values = [Double](repeating: 0, count: x.shape[0] * filters * plane)
    for n in 0..<x.shape[0] {
      for m in 0..<filters {
        for p in 0..<plane { values[(n * filters + m) * plane + p] = bias?[m] ?? 0 }
      }
      for c in 0..<channels {
        let group = c / (channels / groups)
        for m in 0..<perGroup {
          var i = 0
          forEachIndex(input) { at in
            let value = xs[(n * channels + c) * input.reduce(1, *) + i]
            i += 1
            var k = 0
            forEachIndex(kernel) { tap in
              let weight = ws[(c * perGroup + m) * kernel.reduce(1, *) + k]
              k += 1
              var place = n * filters + group * perGroup + m
              for axis in 0..<rank {
                let o = at[axis] * strides[axis] + tap[axis] * dilations[axis] - pads[axis]
                guard 0..<output[axis] ~= o else { return }
                place = place * output[axis] + o
              }
              values[place] += value * weight
            }
          }
        }
      }
    }
    return Expected(Shape([x.shape[0], filters] + output), values)
  }

  @Test(arguments: [1, 2, 3]) func followsItsDefinition(rank: Int) {
    for seed in 0..<(rank == 2 ? 24 : 10) {
      var random = RandomSource(seed: seed + 100 * rank)
      let groups = random.pick([1, 1, 2, 3]), perGroup = random.pick([1, 3, 8, 17])
      let channels = groups * random.pick([1, 2, 5, 16])
      let input = (0..<rank).map { _ in random.int(1...5) }, kernel = (0..<rank).map { _ in random.int(1...4) }
      let strides = (0..<rank).map { _ in random.int(1...3) }, dilations = (0..<rank).map { _ in random.int(1...2) }
      let extra = strides.map { random.int(0...max($0 - 1, 0)) }
      var pads: [Int] = [], ends: [Int] = [], output: [Int] = []
      for axis in 0..<rank {
        let whole = (input[axis] - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1 + extra[axis]
        pads.append(random.int(0...min(2, (whole - 1) / 2)))
        ends.append(random.int(0...min(2, (whole - 1) / 2)))
        output.append(whole - pads[axis] - ends[axis])
      }
      let x = random.tensor(Shape([random.int(1...2), channels] + input))
      let w = random.tensor(Shape([channels, perGroup] + kernel))
      let bias = random.bool() ? random.tensor([groups * perGroup]) : nil
      let expected = scatter(
        x, w, bias: bias?.doubles, groups: groups, strides: strides, dilations: dilations, pads: pads, output: output)
      OperatorRunner(
        "ConvTranspose", version: 11,
        attributes: [
          "group": .int(groups), "strides": .ints(strides), "dilations": .ints(dilations), "pads": .ints(pads + ends),
          "output_padding": .ints(extra),
        ]
      ).expect(
        [x, w] + (bias.map { [$0] } ?? []), constants: random.bool() ? [1, 2] : [], gives: [expected], relative: 2e-5,
        absolute: 2e-5, "seed \(seed): \(x.shape) \(w.shape) s\(strides) d\(dilations) p\(pads)+\(ends) o\(extra)")
    }
  }

  @Test func outputShapeSetsThePadding() {
    var random = RandomSource(seed: 9)
    let x = random.tensor([1, 1, 3, 3]), w = random.tensor([1, 2, 3, 3])
    let expected = scatter(
      x, w, bias: nil, groups: 1, strides: [3, 2], dilations: [1, 1], pads: [0, 0], output: [10, 8])
    OperatorRunner(
      "ConvTranspose", version: 11, attributes: ["strides": .ints([3, 2]), "output_shape": .ints([10, 8])]
    ).expect([x, w], constants: [1], gives: [expected])
  }

  @Test func samePaddingMakesStrideTimesTheInput() {
    var random = RandomSource(seed: 10)
    let x = random.tensor([1, 2, 4]), w = random.tensor([2, 3, 5])
    for (name, begin) in [("SAME_UPPER", 1), ("SAME_LOWER", 2)] {
      let expected = scatter(x, w, bias: nil, groups: 1, strides: [2], dilations: [1], pads: [begin], output: [8])
      OperatorRunner(
        "ConvTranspose", version: 11, attributes: ["strides": .ints([2]), "auto_pad": .string(Array(name.utf8))]
      ).expect([x, w], gives: [expected], name)
    }
  }

  @Test func fusesScaleResidualAndActivation() {
    var random = RandomSource(seed: 11)
    let x = random.tensor([2, 3, 4, 5]), w = random.tensor([3, 4, 4, 4])
    let plain = scatter(
      x, w, bias: nil, groups: 1, strides: [2, 2], dilations: [1, 1], pads: [1, 1], output: [8, 10])
    let residual = random.tensor(plain.shape), r = residual.doubles!
    let scale: [Float] = [1, 0.5, -1, 2], shift: [Float] = [0, 1, 0, -1]
    let values = plain.values.indices.map { i in
      let c = i / 80 % 4
      return max(plain.values[i] * Double(scale[c]) + Double(shift[c]) + r[i], 0)
    }
    OperatorRunner(
      "ConvTranspose", version: 11, attributes: ["strides": .ints([2, 2]), "pads": .ints([1, 1, 1, 1])], fusedInputs: 1
    ) {
      ($0 as! ConvTranspose).folding(scale: scale, shift: shift)!.fusingResidual()!.fusing(.relu)!
    }.expect([x, w, residual], constants: [1], gives: [Expected(plain.shape, values)], relative: 2e-5, absolute: 2e-5)
  }

  @Test func refusesWhatDoesNotFit() {
    let x = Tensor(.float32, [1, 4, 5])
    func refused(_ w: Shape, _ attributes: [String: Attribute] = [:]) {
      OperatorRunner("ConvTranspose", version: 11, attributes: attributes).expectRefusal(
        [x, Tensor(.float32, w)], "\(w) \(attributes)")
    }
    refused([3, 2, 3])
    refused([4, 2, 3], ["group": .int(3)])
    refused([4, 2, 3], ["pads": .ints([4, 4])])
    refused([4, 2, 3], ["output_padding": .ints([-1])])
    refused([4, 2, 3], ["output_padding": .ints([1, 1])])
    refused([4, 2, 3], ["output_shape": .ints([0])])
  }
}
