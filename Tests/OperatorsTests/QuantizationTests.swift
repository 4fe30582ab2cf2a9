import GraphIR
import Operators
import Tensors
import Testing

@Suite struct QuantizationTests {
  private var generator = Generator(seed: 17)

  @Test func quantizingRoundsHalvesToEvenAndSaturates() {
    let x = Tensor([0, 0.5, 1.5, 2.5, -0.5, 1e9, -1e9, 3] as [Float], shape: [2, 4])
    OperatorRunner("QuantizeLinear", version: 13).expect(
      [x, Tensor(scalar: Float(1)), Tensor(scalar: UInt8(10))], equals: [
        Tensor([10, 10, 12, 12, 10, 255, 0, 13] as [UInt8], shape: [2, 4])
      ])
    OperatorRunner("QuantizeLinear", version: 21).expect(
      [x, Tensor(scalar: Float(1)), Tensor(scalar: Int16(-1))], constants: [1, 2], equals: [
        Tensor([-1, -1, 1, 1, -1, 32767, -32768, 2] as [Int16], shape: [2, 4])
      ])
  }

  @Test func anAxisHasItsOwnScales() {
    let x = Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [1, 3, 2])
    let scales = Tensor([1, 2, 0.5] as [Float]), zeros = Tensor([0, 1, -2] as [Int8])
    OperatorRunner("QuantizeLinear", version: 13).expect(
      [x, scales, zeros], equals: [Tensor([1, 2, 3, 3, 8, 10] as [Int8], shape: [1, 3, 2])])
    OperatorRunner("DequantizeLinear", version: 13, attributes: ["axis": .int(-2)]).expect(
      [Tensor([1, 2, 3, 3, 8, 10] as [Int8], shape: [1, 3, 2]), scales, zeros], equals: [
        Tensor([1, 2, 4, 4, 5, 6] as [Float], shape: [1, 3, 2])
      ])
  }

  @Test func blocksHaveTheirOwnScales() {
    let x = Tensor([1, 2, 3, 4, 5] as [UInt8], shape: [1, 5])
    let scales = Tensor([1, 10, 100] as [Float], shape: [1, 3])
    OperatorRunner("DequantizeLinear", version: 21, attributes: ["axis": .int(1), "block_size": .int(2)]).expect(
      [x, scales], equals: [Tensor([1, 2, 30, 40, 500] as [Float], shape: [1, 5])])
    OperatorRunner("DequantizeLinear", version: 21, attributes: ["axis": .int(1), "block_size": .int(3)])
      .expectRefusal([x, scales])
  }

  @Test func longRowsOfAnAxisAgreeWithTheDefinition() {
    var generator = generator
    let x = generator.floats(3 * 37), scales: [Float] = [0.01, 0.02, 0.03], zeros: [UInt8] = [0, 128, 200]
    let expected = x.indices.map { index -> UInt8 in
      let channel = index / 37
      return UInt8(min(max((x[index] / scales[channel]).rounded(.toNearestOrEven) + Float(zeros[channel]), 0), 255))
    }
    OperatorRunner("QuantizeLinear", version: 13, attributes: ["axis": .int(0)]).expect(
      [Tensor(x, shape: [3, 37]), Tensor(scales), Tensor(zeros)], equals: [Tensor(expected, shape: [3, 37])])
  }

  @Test func narrowTypesArePacked() {
    var four = Tensor(.int4, [3])
    four.withUnsafeMutableBytes { $0.copyBytes(from: [0x7F, 0x08]) }  // -1, 7, -8
    OperatorRunner("DequantizeLinear", version: 21).expect(
      [four, Tensor(scalar: Float(2))], equals: [Tensor([-2, 14, -16] as [Float])])
    OperatorRunner("QuantizeLinear", version: 21).expect(
      [Tensor([-2, 14, -100] as [Float]), Tensor(scalar: Float(2)), Tensor(.int4, [])], equals: [four])
  }

  @Test func wrongScalesAreRefused() {
    let x = Tensor([1, 2, 3] as [UInt8], shape: [1, 3])
    OperatorRunner("DequantizeLinear", version: 13).expectRefusal([x, Tensor([1, 2] as [Float])])
    OperatorRunner("DequantizeLinear", version: 13).expectRefusal([x, Tensor(scalar: Float(1)), Tensor(scalar: Int8(0))])
    OperatorRunner("QuantizeLinear", version: 13, attributes: ["axis": .int(7)]).expectRefusal(
      [Tensor([1, 2] as [Float]), Tensor([1, 2] as [Float])])
  }

  @Test func aRangeGivesScaleAndZeroPoint() {
    OperatorRunner("DynamicQuantizeLinear", version: 11, outputs: [true, true, true]).expect(
      [Tensor([0, 2, -3, -2.5, 1.34, 0.5] as [Float])], equals: [
        Tensor([153, 255, 0, 26, 221, 179] as [UInt8]), Tensor(scalar: Float(5) / 255), Tensor(scalar: UInt8(153)),
      ])
    OperatorRunner("DynamicQuantizeLinear", version: 11, outputs: [true, true, true]).expect(
      [Tensor([0, 0] as [Float])],
      equals: [Tensor([0, 0] as [UInt8]), Tensor(scalar: Float(1)), Tensor(scalar: UInt8(0))])
  }

  // MARK: Products

  @Test(arguments: [(1, 1, 1), (2, 3, 4), (35, 19, 33), (3, 40, 7)])
  func productsOfBytesAreExact(m: Int, n: Int, k: Int) {
    var generator = generator
    let a = generator.bytes(2 * m * k), b = generator.signedBytes(k * n)
    let aZeros = generator.bytes(m), bZeros = generator.signedBytes(n)
    let expected = (0..<2 * m * n).map { index -> Int32 in
      let (row, column) = (index / n, index % n)
      return (0..<k).reduce(into: Int32(0)) { sum, l in
        sum += (Int32(a[row * k + l]) - Int32(aZeros[row % m])) * (Int32(b[l * n + column]) - Int32(bZeros[column]))
      }
    }
    let inputs = [
      Tensor(a, shape: [2, m, k]), Tensor(b, shape: [k, n]), Tensor(aZeros), Tensor(bZeros),
    ]
    let runner = OperatorRunner("MatMulInteger", version: 10)
    runner.expect(inputs, equals: [Tensor(expected, shape: [2, m, n])])
    runner.expect(inputs, constants: [1, 3], equals: [Tensor(expected, shape: [2, m, n])])
  }

  @Test func quantizedProductsAreRequantized() {
    let a = Tensor([208, 236, 0, 238, 3, 214, 255, 29] as [UInt8], shape: [2, 4])
    let b = Tensor([152, 51, 244, 60, 26, 255, 0, 127, 246, 127, 254, 247] as [UInt8], shape: [4, 3])
    OperatorRunner("QLinearMatMul", version: 10).expect(
      [
        a, Tensor(scalar: Float(0.0066)), Tensor(scalar: UInt8(113)), b, Tensor(scalar: Float(0.00705)),
        Tensor(scalar: UInt8(114)), Tensor(scalar: Float(0.0107)), Tensor(scalar: UInt8(118)),
      ], equals: [Tensor([168, 115, 255, 1, 66, 151] as [UInt8], shape: [2, 3])])
  }

  // MARK: Convolutions

  @Test func convolutionsOfBytesAreExact() {
    var generator = generator
    let (channels, filters, size) = (2, 4, 6)
    let x = generator.bytes(channels * size * size), w = generator.signedBytes(filters * 9)
    let zeros: [Int8] = [1, -2, 3, 0]
    // Two groups of one channel and two filters each, padded by one.
    let expected = (0..<filters * size * size).map { index -> Int32 in
      let (filter, row, column) = (index / size / size, index / size % size, index % size)
      var sum: Int32 = 0
      for tap in 0..<9 {
        let (y, z) = (row + tap / 3 - 1, column + tap % 3 - 1)
        guard (0..<size).contains(y), (0..<size).contains(z) else { continue }
        let value = Int32(x[(filter / 2 * size + y) * size + z]) - 7
        sum += value * (Int32(w[filter * 9 + tap]) - Int32(zeros[filter]))
      }
      return sum
    }
    let attributes: [String: Attribute] = ["group": .int(2), "pads": .ints([1, 1, 1, 1])]
    let inputs = [
      Tensor(x, shape: [1, channels, size, size]), Tensor(w, shape: [filters, 1, 3, 3]), Tensor(scalar: UInt8(7)),
      Tensor(zeros),
    ]
    let shape: Shape = [1, filters, size, size]
    OperatorRunner("ConvInteger", version: 10, attributes: attributes).expect(
      inputs, equals: [Tensor(expected, shape: shape)])
    OperatorRunner("ConvInteger", version: 10, attributes: attributes).expect(
      inputs, constants: [1, 3], equals: [Tensor(expected, shape: shape)])

    let scales: [Float] = [0.01, 0.02, 0.005, 0.001], bias: [Int32] = [100, -100, 0, 5000]
    let quantized = expected.indices.map { index -> Int8 in
      let filter = index / size / size
      let value = Float(expected[index] + bias[filter]) * (0.5 * scales[filter] / 0.25)
      return Int8(min(max(value.rounded(.toNearestOrEven) + 3, -128), 127))
    }
    OperatorRunner("QLinearConv", version: 10, attributes: attributes).expect(
      [
        inputs[0], Tensor(scalar: Float(0.5)), inputs[2], inputs[1], Tensor(scales), inputs[3],
        Tensor(scalar: Float(0.25)), Tensor(scalar: Int8(3)), Tensor(bias),
      ], constants: [3, 5], equals: [Tensor(quantized, shape: shape)])
  }

  @Test func hostileOperandsAreRefused() {
    let x = Tensor(UInt8.zeros(16), shape: [1, 1, 4, 4]), w = Tensor(UInt8.zeros(9), shape: [1, 1, 3, 3])
    OperatorRunner("ConvInteger", version: 10).expectRefusal([x, Tensor(UInt8.zeros(50), shape: [2, 1, 5, 5])])
    OperatorRunner("ConvInteger", version: 10).expectRefusal([x, w, nil, Tensor([1, 2] as [UInt8])])
    OperatorRunner("ConvInteger", version: 10).expectRefusal([x, w, Tensor([1, 2] as [UInt8])])
    OperatorRunner("MatMulInteger", version: 10).expectRefusal([w.reshaped([3, 3]), Tensor(UInt8.zeros(8), shape: [4, 2])])
    OperatorRunner("MatMulInteger", version: 10).expectRefusal(
      [w.reshaped([3, 3]), w.reshaped([3, 3]), Tensor([1, 2] as [UInt8])])
  }

  // MARK: Packed elements that move

  @Test func packedElementsMoveAsOthersDo() {
    var four = Tensor(.uint4, [2, 3])
    four.withUnsafeMutableBytes { $0.copyBytes(from: [0x21, 0x43, 0x65]) }  // 1, 2, 3 / 4, 5, 6
    var turned = Tensor(.uint4, [3, 2])
    turned.withUnsafeMutableBytes { $0.copyBytes(from: [0x41, 0x52, 0x63]) }
    OperatorRunner("Transpose", version: 25).expect([four], equals: [turned])
    var row = Tensor(.uint4, [1, 3])
    row.withUnsafeMutableBytes { $0.copyBytes(from: [0x54, 0x06]) }
    OperatorRunner("Gather", version: 13).expect([four, Tensor([1] as [Int64])], equals: [row])
    OperatorRunner("Concat", version: 13, attributes: ["axis": .int(0)]).expect([row], equals: [row])
    var both = Tensor(.uint4, [2, 3])
    both.withUnsafeMutableBytes { $0.copyBytes(from: [0x54, 0x46, 0x65]) }
    OperatorRunner("Concat", version: 13, attributes: ["axis": .int(0)]).expect([row, row], equals: [both])
  }
}

extension UInt8 {
  fileprivate static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }
}

/// Reproducible numbers: splitmix64.
private struct Generator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  private mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
  mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }
  mutating func signedBytes(_ count: Int) -> [Int8] { (0..<count).map { _ in Int8(truncatingIfNeeded: next()) } }
  mutating func floats(_ count: Int) -> [Float] { (0..<count).map { _ in Float(Int(next() % 2001) - 1000) / 250 } }
}
