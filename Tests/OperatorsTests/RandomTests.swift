import GraphIR
import Operators
import Tensors
import Testing

@Suite struct RandomTests {
  private func moments(_ values: [Double]) -> (mean: Double, deviation: Double) {
    let mean = values.reduce(0, +) / Double(values.count)
    return (mean, (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)).squareRoot())
  }

  private func values(
    _ name: String, _ attributes: [String: Attribute], _ inputs: [Tensor?] = [], version: Int = 22
  ) throws -> [Double] {
    try OperatorRunner(name, version: version, attributes: attributes).run(inputs)[0].doubles!
  }

  @Test func distributionsHaveTheirMoments() throws {
    for seed in 1...3 {
      let normal = moments(
        try values(
          "RandomNormal", ["shape": .ints([100, 100]), "mean": .float(2), "scale": .float(3), "seed": .float(Float(seed))]))
      #expect(abs(normal.mean - 2) < 0.15 && abs(normal.deviation - 3) < 0.15, "seed \(seed): \(normal)")
      let numbers = try values(
        "RandomUniform", ["shape": .ints([10000]), "low": .float(-1), "high": .float(3), "seed": .float(Float(seed))])
      let uniform = moments(numbers)
      #expect(abs(uniform.mean - 1) < 0.08 && abs(uniform.deviation - 1.1547) < 0.05, "seed \(seed): \(uniform)")
      #expect(numbers.allSatisfy { -1...3 ~= $0 })
    }
  }

  @Test func seedsDecide() throws {
    func numbers(_ seed: Float?) throws -> [Double] {
      try values("RandomUniform", ["shape": .ints([8])].merging(seed.map { ["seed": .float($0)] } ?? [:]) { $1 })
    }
    #expect(try numbers(1) == numbers(1))
    #expect(try numbers(nil) == numbers(nil))
    #expect(try numbers(1) != numbers(2))
    #expect(try Set(numbers(1)).count == 8)
  }

  @Test func likeTakesShapeAndType() throws {
    let runner = OperatorRunner("RandomNormalLike", version: 1)
    let same = try runner.run([Tensor(.float64, [2, 3])])[0]
    #expect(same.dataType == .float64 && same.shape == [2, 3])
    let half = try OperatorRunner("RandomUniformLike", version: 22, attributes: ["dtype": .int(10)]).run([numbered([4])])[0]
    #expect(half.dataType == .float16 && half.shape == [4])
    runner.expectRefusal([Tensor([1 as Int32])], "integers need a dtype")
    OperatorRunner("RandomNormal", version: 1, attributes: ["shape": .ints([2]), "dtype": .int(7)]).expectRefusal([])
    OperatorRunner("RandomNormal", version: 1).expectRefusal([])
    OperatorRunner("RandomNormal", version: 1, attributes: ["shape": .ints([1 << 40, 1 << 40])])
      .expectRefusal([], as: .tooLarge)
  }

  @Test func bernoulliFollowsProbabilities() throws {
    let p = Tensor([Float](repeating: 0, count: 10) + [Float](repeating: 1, count: 10) + [Float](repeating: 0.3, count: 5000))
    let drawn = try OperatorRunner("Bernoulli", version: 15, attributes: ["dtype": .int(9)]).run([p])[0]
    #expect(drawn.dataType == .bool)
    let numbers = drawn.doubles!
    #expect(numbers[..<10].allSatisfy { $0 == 0 } && numbers[10..<20].allSatisfy { $0 == 1 })
    #expect(abs(moments(Array(numbers[20...])).mean - 0.3) < 0.05)
  }

  @Test func multinomialFollowsLogarithms() throws {
    let p = Tensor([0, -.infinity, 1.0986123, -.infinity, 5, -.infinity] as [Float], shape: [2, 3])
    let drawn = try values("Multinomial", ["sample_size": .int(4000), "dtype": .int(7)], [p])
    #expect(!drawn[..<4000].contains(1))
    #expect(abs(moments(Array(drawn[..<4000])).mean - 1.5) < 0.1, "three times as many 2 as 0")
    #expect(drawn[4000...].allSatisfy { $0 == 1 })
    OperatorRunner("Multinomial", version: 7).expectRefusal([Tensor(.float32, [2, 0])])
    OperatorRunner("Multinomial", version: 7, attributes: ["sample_size": .int(-1)]).expectRefusal([p])
  }

  @Test func trainingDropsAndScales() throws {
    let x = Tensor((1...4000).map { Float($0) })
    let runner = OperatorRunner("Dropout", version: 13, attributes: ["seed": .int(5)], outputs: [true, true])
    let outputs = try runner.run([x, Tensor(scalar: 0.25 as Float), Tensor(scalar: true)])
    let (y, mask) = (outputs[0].doubles!, outputs[1].doubles!)
    for k in 0..<4000 { #expect(abs(y[k] - (mask[k] == 1 ? Double(k + 1) / 0.75 : 0)) < 1e-3 * Double(k + 1)) }
    #expect(abs(moments(mask).mean - 0.75) < 0.04)
    runner.expectRefusal([x, Tensor(scalar: 1 as Float), Tensor(scalar: true)])
    runner.expect([x, Tensor(scalar: 0.5 as Float), Tensor(scalar: false)], equals: [x, Tensor([Bool](repeating: true, count: 4000))])
  }
}
