import GraphIR
import Operators
import Tensors
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

@Suite struct LinearAlgebraTests {
  /// The determinant by expansion along the first row.
  private func determinant(_ m: [[Double]]) -> Double {
    guard !m.isEmpty else { return 1 }
    return m[0].indices.reduce(0) { sum, column in
      let minor = m.dropFirst().map { row in row.indices.filter { $0 != column }.map { row[$0] } }
      return sum + (column % 2 == 0 ? 1 : -1) * m[0][column] * determinant(minor)
    }
  }

  @Test func determinants() {
    var random = RandomSource(seed: 1)
    for n in 0...5 {
      let x = random.tensor([2, 3, n, n])
      let values = (0..<6).map { k in
        determinant((0..<n).map { row in (0..<n).map { x.doubles![(k * n + row) * n + $0] } })
      }
      OperatorRunner("Det", version: 11).expect([x], gives: [Expected([2, 3], values)], "\(n) rows")
    }
    OperatorRunner("Det", version: 22).expect([Tensor([0, 1, 1, 0] as [Double], shape: [2, 2])], equals: [Tensor(scalar: -1.0)])
    OperatorRunner("Det", version: 22).expect([Tensor([1, 2, 2, 4] as [Float], shape: [2, 2])], equals: [Tensor(scalar: 0 as Float)])
    OperatorRunner("Det", version: 11).expectRefusal([numbered([2, 3])])
    OperatorRunner("Det", version: 11).expectRefusal([numbered([3])])
  }

  @Test func normsBecomeOne() {
    let x = Tensor([3, 4, 0, 0, -1, 1] as [Float], shape: [3, 2])
    OperatorRunner("LpNormalization", version: 1)
      .expect([x], gives: [Expected([3, 2], [0.6, 0.8, 0, 0, -0.5.squareRoot(), 0.5.squareRoot()])])
    OperatorRunner("LpNormalization", version: 22, attributes: ["p": .int(1), "axis": .int(0)])
      .expect([x], gives: [Expected([3, 2], [0.75, 0.8, 0, 0, -0.25, 0.2])])
    OperatorRunner("LpNormalization", version: 1, attributes: ["p": .int(3)]).expectRefusal([x])
    OperatorRunner("LpNormalization", version: 1, attributes: ["axis": .int(2)]).expectRefusal([x])
  }

  @Test func sequencesAreReversed() {
    let x = numbered([4, 2, 3])
    func rows(_ order: [[Int]]) -> Tensor { made([4, 2, 3]) { (order[$0[1]][$0[0]] * 2 + $0[1]) * 3 + $0[2] } }
    OperatorRunner("ReverseSequence", version: 10).expect([x, int64s([4, 2])], equals: [rows([[3, 2, 1, 0], [1, 0, 2, 3]])])
    OperatorRunner("ReverseSequence", version: 28, attributes: ["batch_axis": .int(0), "time_axis": .int(1)]).expect(
      [Tensor([1, 2, 3, 4, 5, 6] as [Int16], shape: [2, 3]), int64s([0, 2])],
      equals: [Tensor([1, 2, 3, 5, 4, 6] as [Int16], shape: [2, 3])])
    OperatorRunner("ReverseSequence", version: 10).expectRefusal([x, int64s([5, 2])])
    OperatorRunner("ReverseSequence", version: 10).expectRefusal([x, int64s([-1, 2])])
    OperatorRunner("ReverseSequence", version: 10).expectRefusal([x, int64s([1])])
    OperatorRunner("ReverseSequence", version: 10, attributes: ["batch_axis": .int(0)]).expectRefusal([x, int64s([1, 1])])
  }

  @Test func shrinkingAndGating() {
    let x = Tensor([-2, -1, -0.5, 0, 0.5, 1, 2] as [Float])
    OperatorRunner("Shrink", version: 9, attributes: ["lambd": .float(0.75), "bias": .float(0.25)])
      .expect([x], equals: [Tensor([-1.75, -0.75, 0, 0, 0, 0.75, 1.75] as [Float])])
    OperatorRunner("Shrink", version: 9, attributes: ["lambd": .float(1e30)])
      .expect([Tensor([-5, 5] as [Int8])], equals: [Tensor([0, 0] as [Int8])])
    let b = Tensor([1, 2, 3, 4, 5, 6, 7] as [Float])
    for alpha: Float in [1, 1.7] {
      let gated = zip(x.doubles!, b.doubles!).map { (gate: Double, value: Double) -> Double in
        gate * value / (1 + exp(-Double(alpha) * gate))
      }
      OperatorRunner("SwiGLU", version: 28, attributes: ["alpha": .float(alpha)]).expect(
        [x, b], gives: [Expected([7], gated)])
    }
    OperatorRunner("SwiGLU", version: 28).expectRefusal([x, Tensor([1 as Float])])
  }
}
