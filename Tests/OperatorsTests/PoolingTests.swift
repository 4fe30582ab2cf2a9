import GraphIR
import Operators
import Tensors
import Testing

@Suite struct PoolingTests {
  /// Every output as a function of the input elements (with their positions) that its window sees, and of how many
  /// elements the window has inside the padded input.
  private func pooled(
    _ x: Tensor, kernel: [Int], strides: [Int], dilations: [Int], pads: [Int], output: [Int],
    _ reduce: ([(value: Double, position: Int)], Int) -> Double
  ) -> Expected {
    let rank = kernel.count, values = x.doubles!, input = Array(x.shape.dims[2...])
    var result: [Double] = []
    for plane in 0..<(x.shape[0] * x.shape[1]) {
      forEachIndex(output) { o in
        var seen: [(value: Double, position: Int)] = [], padded = 0
        forEachIndex(kernel) { k in
          var place = plane, isInside = true, isPadded = true
          for axis in 0..<rank {
            let i = o[axis] * strides[axis] + k[axis] * dilations[axis] - pads[axis]
            if i >= input[axis] + pads[axis + rank] { isPadded = false }
            if !(0..<input[axis] ~= i) { isInside = false }
            place = place * input[axis] + i
          }
          if isPadded { padded += 1 }
          if isInside { seen.append((values[place], place)) }
        }
        result.append(reduce(seen, padded))
      }
    }
    return Expected(Shape([x.shape[0], x.shape[1]] + output), result)
  }

  @Test(arguments: [1, 2, 3]) func followTheirDefinitions(rank: Int) {
    for seed in 0..<20 {
      var random = RandomSource(seed: seed + rank * 100)
      let kernel = (0..<rank).map { _ in random.int(1...3) }, strides = (0..<rank).map { _ in random.int(1...3) }
      let dilations = (0..<rank).map { _ in random.int(1...2) }
      let pads = (0..<2 * rank).map { random.int(0...(kernel[$0 % rank] - 1)) }
      let input = (0..<rank).map { _ in random.int(5...9) }
      let roundsUp = random.bool(), countsPadding = random.bool()
      var output: [Int] = []
      for axis in 0..<rank {
        let span = input[axis] + pads[axis] + pads[axis + rank] - (kernel[axis] - 1) * dilations[axis] - 1
        var extent = span / strides[axis] + 1
        if roundsUp, span % strides[axis] > 0, extent * strides[axis] < input[axis] + pads[axis] { extent += 1 }
        output.append(extent)
      }
      let x = random.tensor(Shape([random.int(1...2), random.pick([1, 3, 16, 19])] + input))
      let attributes: [String: Attribute] = [
        "kernel_shape": .ints(kernel), "strides": .ints(strides), "dilations": .ints(dilations), "pads": .ints(pads),
        "ceil_mode": .int(roundsUp ? 1 : 0),
      ]
      func expected(_ reduce: ([(value: Double, position: Int)], Int) -> Double) -> Expected {
        pooled(x, kernel: kernel, strides: strides, dilations: dilations, pads: pads, output: output, reduce)
      }
      let comment = "seed \(seed): \(x.shape) k\(kernel) s\(strides) d\(dilations) p\(pads) ceil \(roundsUp)"
      OperatorRunner("MaxPool", version: 12, attributes: attributes).expect(
        [x], gives: [expected { seen, _ in seen.map(\.value).max() ?? -.infinity }], comment)
      let withPadding = attributes.merging(["count_include_pad": .int(countsPadding ? 1 : 0)]) { $1 }
      OperatorRunner("AveragePool", version: 19, attributes: withPadding).expect(
        [x],
        gives: [
          expected { seen, padded in
            let count = countsPadding ? padded : seen.count
            return count == 0 ? 0 : seen.map(\.value).reduce(0, +) / Double(count)
          }
        ], relative: 1e-5, absolute: 1e-6, comment)
      OperatorRunner("LpPool", version: 18, attributes: attributes).expect(
        [x], gives: [expected { seen, _ in seen.map { $0.value * $0.value }.reduce(0, +).squareRoot() }],
        relative: 1e-5, absolute: 1e-6, comment)
    }
  }

  @Test func theIndexIsThatOfTheFirstMaximum() {
    let x = Tensor([1, 5, 5, 2, 0, 5, 3, 3, 9] as [Float], shape: [1, 1, 3, 3])
    OperatorRunner("MaxPool", version: 12, attributes: ["kernel_shape": .ints([2, 2])], outputs: [true, true]).expect(
      [x],
      equals: [
        Tensor([5, 5, 3, 9] as [Float], shape: [1, 1, 2, 2]), Tensor([1, 1, 6, 8] as [Int64], shape: [1, 1, 2, 2]),
      ])
    OperatorRunner(
      "MaxPool", version: 12, attributes: ["kernel_shape": .ints([2, 2]), "storage_order": .int(1)],
      outputs: [true, true]
    ).expect(
      [x],
      equals: [
        Tensor([5, 5, 3, 9] as [Float], shape: [1, 1, 2, 2]), Tensor([3, 3, 2, 8] as [Int64], shape: [1, 1, 2, 2]),
      ])
  }

  @Test func bytesToo() {
    let x = Tensor([250, 3, 7, 200] as [UInt8], shape: [1, 1, 4])
    OperatorRunner("MaxPool", version: 12, attributes: ["kernel_shape": .ints([2])]).expect(
      [x], equals: [Tensor([250, 7, 200] as [UInt8], shape: [1, 1, 3])])
  }

  @Test func wholePlanes() {
    var random = RandomSource(seed: 3)
    let x = random.tensor([2, 5, 6, 7]), values = x.doubles!
    let planes = (0..<10).map { Array(values[$0 * 42..<$0 * 42 + 42]) }
    OperatorRunner("GlobalAveragePool", version: 1).expect(
      [x], gives: [Expected([2, 5, 1, 1], planes.map { $0.reduce(0, +) / 42 })])
    OperatorRunner("GlobalMaxPool", version: 1).expect([x], gives: [Expected([2, 5, 1, 1], planes.map { $0.max()! })])
  }

  @Test func refuseWhatDoesNotFit() {
    let x = Tensor(.float32, [1, 2, 5, 5])
    for (attributes, comment) in [
      ([:], "no kernel_shape"), (["kernel_shape": .ints([6, 2])], "kernel larger than the input"),
      (["kernel_shape": .ints([2])], "kernel for one axis"), (["kernel_shape": .ints([0, 2])], "empty kernel"),
      (["kernel_shape": .ints([2, 2]), "strides": .ints([0, 1])], "stride 0"),
    ] as [([String: Attribute], String)] {
      OperatorRunner("MaxPool", version: 12, attributes: attributes).expectRefusal([x], comment)
      OperatorRunner("AveragePool", version: 11, attributes: attributes).expectRefusal([x], comment)
    }
  }
}
