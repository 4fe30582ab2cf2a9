import GraphIR
import Operators
import Tensors
import Testing

@Suite struct WideningTests {
  /// float16 of small multiples of 1/64, which it holds exactly.
  private func narrow(_ tensor: Tensor, _ type: DataType) -> Tensor {
    let runner = OperatorRunner("Cast", version: 13, attributes: ["to": .int(Int(type.rawValue))])
    return try! runner.run([tensor])[0]
  }

  private func coarse(_ random: inout RandomSource, _ shape: Shape) -> Tensor {
    Tensor((0..<shape.count).map { _ in Float(random.int(-32...32)) / 32 }, shape: shape)
  }

  @Test(arguments: [DataType.float16, .bfloat16]) func narrowFloatsAreRoundedOnce(type: DataType) throws {
    var random = RandomSource(seed: 1)
    let cases: [(OperatorRunner, [Shape])] = [
      (OperatorRunner("Conv", version: 22), [[1, 5, 6, 7], [4, 5, 3, 3], [4]]),
      (OperatorRunner("MatMul", version: 13), [[2, 3, 40], [40, 9]]),
      (OperatorRunner("Softmax", version: 13, attributes: ["axis": .int(1)]), [[2, 6, 3, 3]]),
      (OperatorRunner("LayerNormalization", version: 17), [[4, 20], [20], [20]]),
      (OperatorRunner("InstanceNormalization", version: 22), [[2, 3, 4, 4], [3], [3]]),
      (OperatorRunner("AveragePool", version: 22, attributes: ["kernel_shape": .ints([2, 2])]), [[1, 3, 5, 5]]),
    ]
    for (runner, shapes) in cases {
      let wide = shapes.map { coarse(&random, $0) }
      let expected = narrow(try runner.run(wide)[0], type)
      for constants in [[], Set(1..<shapes.count)] as [Set<Int>] where shapes.count > 1 || constants.isEmpty {
        for setting in [OperatorRunner.Setting.all[0], OperatorRunner.Setting.all[1]] {
          let actual = try runner.run(wide.map { narrow($0, type) }, constants: constants, on: setting)[0]
          #expect(actual.dataType == type)
          let same = actual.withUnsafeBytes { a in expected.withUnsafeBytes { a.elementsEqual($0) } }
          #expect(same, "\(runner.name) \(setting)")
        }
      }
    }
  }

  @Test func maxUnpoolPutsElementsBack() {
    let x = Tensor([1, 2, 3, 4] as [Float], shape: [1, 1, 2, 2]), at = Tensor([5, 7, 13, 15] as [Int64], shape: [1, 1, 2, 2])
    let attributes: [String: Attribute] = ["kernel_shape": .ints([2, 2]), "strides": .ints([2, 2])]
    OperatorRunner("MaxUnpool", version: 11, attributes: attributes).expect(
      [x, at],
      equals: [Tensor([0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 3, 0, 4] as [Float], shape: [1, 1, 4, 4])])
    OperatorRunner("MaxUnpool", version: 11, attributes: attributes).expectRefusal(
      [x, Tensor([5, 7, 13, 16] as [Int64], shape: [1, 1, 2, 2])])
  }

  @Test func theNormOfAWholePlane() {
    let x = Tensor([3, 4, 0, 0, 1, 2, 2, 0] as [Float], shape: [1, 2, 2, 2])
    OperatorRunner("GlobalLpPool", version: 2).expect([x], gives: [Expected([1, 2, 1, 1], [5, 3])])
  }
}
