import GraphIR
import Operators
import Tensors
import Testing

@Suite struct ProductTests {
  /// `A · B` for row-major matrices in double.
  private func product(_ a: [Double], _ b: [Double], m: Int, n: Int, k: Int) -> [Double] {
    var y = [Double](repeating: 0, count: m * n)
    for i in 0..<m { for p in 0..<k { for j in 0..<n { y[i * n + j] += a[i * k + p] * b[p * n + j] } } }
    return y
  }

  private func transposed(_ x: Tensor) -> Tensor {
    let (rows, columns) = (x.shape[0], x.shape[1]), values = x.elements(as: Float.self)
    return Tensor((0..<rows * columns).map { values[$0 % rows * columns + $0 / rows] }, shape: [columns, rows])
  }

  @Test func gemmFollowsItsDefinition() {
    for seed in 0..<40 {
      var random = RandomSource(seed: seed)
      let m = random.pick([1, 2, 7, 33]), n = random.pick([1, 5, 16, 70]), k = random.pick([1, 3, 32, 65])
      let alpha = random.pick([1, 1, 0.5] as [Float]), beta = random.pick([1, 1, 0, -2] as [Float])
      let a = random.tensor([m, k]), b = random.tensor([k, n])
      let shape = random.pick([nil, [], [n], [1, n], [m, 1], [m, n], [1]] as [Shape?])
      let c = shape.map { random.tensor($0) }
      var values = product(a.doubles!, b.doubles!, m: m, n: n, k: k).map { $0 * Double(alpha) }
      if let c {
        let s = c.doubles!, rank = c.shape.rank
        for i in 0..<m {
          for j in 0..<n {
            let row = rank == 2 && c.shape[0] > 1 ? i : 0, column = rank > 0 && c.shape[rank - 1] > 1 ? j : 0
            values[i * n + j] += Double(beta) * s[row * (rank > 0 ? c.shape[rank - 1] : 1) + column]
          }
        }
      }
      let transA = random.bool(), transB = random.bool()
      let operands: [Tensor?] = [transA ? transposed(a) : a, transB ? transposed(b) : b] + (c.map { [$0] } ?? [])
      let attributes: [String: Attribute] = [
        "alpha": .float(alpha), "beta": .float(beta), "transA": .int(transA ? 1 : 0), "transB": .int(transB ? 1 : 0),
      ]
      let comment = "seed \(seed): \(m)×\(k)×\(n) alpha \(alpha) beta \(beta) C \(shape.map(\.description) ?? "none")"
      let constants = random.pick([[], [1], [1, 2]] as [Set<Int>])
      OperatorRunner("Gemm", version: 13, attributes: attributes).expect(
        operands, constants: constants, gives: [Expected([m, n], values)], relative: 2e-5, absolute: 2e-5, comment)
      let bias = (0..<n).map { _ in Float.random(in: -1...1, using: &random) }
      let fused = values.indices.map { max(values[$0] + Double(bias[$0 % n]), 0) }
      OperatorRunner("Gemm", version: 13, attributes: attributes) {
        ($0 as! Gemm).fusing(bias: bias)!.fusing(.relu)!
      }.expect(
        operands, constants: constants, gives: [Expected([m, n], fused)], relative: 2e-5, absolute: 2e-5,
        "fused, \(comment)")
    }
  }

  @Test func matMulBroadcastsItsBatches() {
    let shapes: [(Shape, Shape, Shape)] = [
      ([3], [3], []), ([4, 3], [3], [4]), ([3], [3, 5], [5]), ([4, 3], [3, 5], [4, 5]), ([2, 4, 3], [3], [2, 4]),
      ([2, 4, 3], [3, 5], [2, 4, 5]), ([2, 1, 4, 3], [6, 3, 5], [2, 6, 4, 5]), ([4, 3], [2, 3, 5], [2, 4, 5]),
      ([2, 7, 33, 20], [2, 7, 20, 31], [2, 7, 33, 31]), ([1, 3, 2, 1, 2, 2], [1, 3, 1, 2, 2, 1], [1, 3, 2, 2, 2, 1]),
      ([3, 1, 65], [3, 65, 40], [3, 1, 40]), ([2, 1, 2, 2], [1, 9, 2, 2], [2, 9, 2, 2]),
    ]
    for (seed, (left, right, output)) in shapes.enumerated() {
      var random = RandomSource(seed: seed)
      let a = random.tensor(left), b = random.tensor(right)
      let expected = broadcastProduct(a, b, output)
      for constants in [[], [1]] as [Set<Int>] {
        OperatorRunner("MatMul", version: 13).expect(
          [a, b], constants: constants, gives: [Expected(output, expected)], relative: 2e-5, absolute: 2e-5,
          "\(left) \(right)")
      }
      let residual = random.tensor(output), r = residual.doubles!
      let columns = right.rank == 1 ? 1 : right[right.rank - 1]
      let bias = (0..<columns).map { Float($0) }
      OperatorRunner("MatMul", version: 13, fusedInputs: 1) {
        ($0 as! MatMul).fusing(bias: bias)!.fusingResidual()!.fusing(.relu)!
      }.expect(
        [a, b, residual], constants: [1],
        gives: [Expected(output, expected.indices.map { max(expected[$0] + Double($0 % columns) + r[$0], 0) })],
        relative: 2e-5, absolute: 2e-5, "fused \(left) \(right)")
    }
  }

  private func broadcastProduct(_ a: Tensor, _ b: Tensor, _ output: Shape) -> [Double] {
    let left = a.shape.rank == 1 ? a.reshaped(Shape([1, a.shape[0]])) : a
    let right = b.shape.rank == 1 ? b.reshaped(Shape([b.shape[0], 1])) : b
    let (m, k) = (left.shape[left.shape.rank - 2], left.shape[left.shape.rank - 1])
    let n = right.shape[right.shape.rank - 1]
    let x = Array(left.shape.dims.dropLast(2)), y = Array(right.shape.dims.dropLast(2))
    let batch = Shape(x).broadcast(with: Shape(y))!.dims
    var result: [Double] = []
    forEachIndex(batch) { index in
      func offset(_ own: [Int]) -> Int {
        var place = 0
        for (axis, extent) in own.enumerated() {
          place = place * extent + (extent == 1 ? 0 : index[axis + batch.count - own.count])
        }
        return place
      }
      let i = offset(x) * m * k, j = offset(y) * k * n
      result += product(
        Array(left.doubles![i..<i + m * k]), Array(right.doubles![j..<j + k * n]), m: m, n: n, k: k)
    }
    return result
  }

  @Test func integersWrap() {
    let a = Tensor([Int32.max, 2, -3, 4], shape: [2, 2]), b = Tensor([2, 0, 1, -1] as [Int32], shape: [2, 2])
    OperatorRunner("MatMul", version: 13).expect([a, b], equals: [Tensor([0, -2, -2, -4] as [Int32], shape: [2, 2])])
    let x = Tensor([1 << 40, 1] as [Int64], shape: [1, 2]), y = Tensor([3, 5] as [Int64], shape: [2, 1])
    OperatorRunner("MatMul", version: 13).expect([x, y], equals: [Tensor([3 << 40 + 5] as [Int64], shape: [1, 1])])
  }

  @Test func refusesWhatDoesNotFit() {
    func refused(_ name: String, _ shapes: [Shape], _ attributes: [String: Attribute] = [:]) {
      OperatorRunner(name, version: 13, attributes: attributes).expectRefusal(
        shapes.map { Tensor(.float32, $0) }, "\(shapes)")
    }
    refused("MatMul", [[2, 3], [2, 3]])
    refused("MatMul", [[2, 2, 3], [3, 3, 3]])
    refused("MatMul", [[], [3]])
    refused("Gemm", [[2, 3], [2, 3]])
    refused("Gemm", [[2, 3], [3, 4], [3]])
    refused("Gemm", [[2, 3], [3, 4], [1, 2, 4]])
    refused("Gemm", [[1, 2, 3], [3, 4]])
  }
}
