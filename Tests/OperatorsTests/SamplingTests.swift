#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif
import GraphIR
import Operators
import Tensors
import Testing

@Suite struct SamplingTests {
  private func text(_ s: String) -> Attribute { .string(Array(s.utf8)) }

  /// The index an element outside means, or nil for zero padding.
  private func source(_ index: Int, _ extent: Int, _ padding: String, _ aligns: Bool) -> Int? {
    if 0..<extent ~= index { return index }
    switch padding {
    case "zeros": return nil
    case "border": return min(max(index, 0), extent - 1)
    default: return min(max(Int(reflected(Double(index), extent, aligns).rounded()), 0), extent - 1)
    }
  }

  private func reflected(_ x: Double, _ extent: Int, _ aligns: Bool) -> Double {
    let low = aligns ? 0 : -0.5, high = aligns ? Double(extent - 1) : Double(extent) - 0.5
    guard high > low else { return 0 }
    var x = x
    while x < low || x > high { x = x < low ? 2 * low - x : 2 * high - x }
    return x
  }

  private func expected(
    _ x: Tensor, _ grid: Tensor, mode: String, padding: String, aligns: Bool
  ) -> Expected {
    let rank = x.shape.rank - 2, extents = Array(x.shape.dims[2...]), output = Array(grid.shape.dims[1...rank])
    let xs = x.doubles!, gs = grid.doubles!, points = output.reduce(1, *), plane = extents.reduce(1, *)
    var values: [Double] = []
    for n in 0..<x.shape[0] {
      for c in 0..<x.shape[1] {
        for point in 0..<points {
          var taps: [[(Int, Double)]] = []
          for axis in 0..<rank {
            let extent = extents[axis], g = gs[(n * points + point) * rank + rank - 1 - axis]
            var p = aligns ? (g + 1) / 2 * Double(extent - 1) : ((g + 1) * Double(extent) - 1) / 2
            if mode != "cubic" {
              if padding == "border" { p = min(max(p, 0), Double(extent - 1)) }
              if padding == "reflection" { p = min(max(reflected(p, extent, aligns), 0), Double(extent - 1)) }
            }
            let low = Int(p.rounded(.down)), t = p - p.rounded(.down)
            switch mode {
            case "nearest": taps.append([(Int(p.rounded(.toNearestOrEven)), 1)])
            case "linear": taps.append([(low, 1 - t), (low + 1, t)])
            default:
              func keys(_ d: Double) -> Double {
                let d = abs(d), a = -0.75
                return d <= 1 ? (a + 2) * d * d * d - (a + 3) * d * d + 1 : a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a
              }
              taps.append((-1...2).map { (low + $0, keys(Double($0) - t)) })
            }
          }
          var sum = 0.0
          forEachIndex(taps.map(\.count)) { choice in
            var place = n * x.shape[1] + c, weight = 1.0
            for axis in 0..<rank {
              let (index, w) = taps[axis][choice[axis]]
              guard let at = source(index, extents[axis], padding, aligns) else { return }
              place = place * extents[axis] + at
              weight *= w
            }
            sum += weight * xs[place]
          }
          _ = plane
          values.append(sum)
        }
      }
    }
    return Expected(Shape([x.shape[0], x.shape[1]] + output), values)
  }

  @Test func gridSampleFollowsItsDefinition() {
    for seed in 0..<60 {
      var random = RandomSource(seed: seed)
      let isVolume = seed % 4 == 3, mode = random.pick(isVolume ? ["linear", "nearest"] : ["linear", "nearest", "cubic"])
      let padding = random.pick(["zeros", "border", "reflection"]), aligns = random.bool()
      let rank = isVolume ? 3 : 2, batch = random.int(1...2)
      let x = random.tensor(Shape([batch, random.pick([1, 3, 4, 16, 21])] + (0..<rank).map { _ in random.int(2...6) }))
      // Points a little off the places where rounding could go either way.
      let grid = Tensor(
        (0..<(batch * 5 * 4 * (isVolume ? 3 : 1) * rank)).map { _ in
          (Float.random(in: -1.5...1.5, using: &random) * 37).rounded() / 37 + 0.0013
        }, shape: isVolume ? [batch, 3, 5, 4, 3] : [batch, 5, 4, 2])
      let names = isVolume || random.bool() ? (20, mode) : (16, ["linear": "bilinear", "cubic": "bicubic"][mode] ?? mode)
      OperatorRunner(
        "GridSample", version: names.0,
        attributes: ["mode": text(names.1), "padding_mode": text(padding), "align_corners": .int(aligns ? 1 : 0)]
      ).expect(
        [x, grid], gives: [expected(x, grid, mode: mode, padding: padding, aligns: aligns)], relative: 5e-5,
        absolute: 5e-5, "seed \(seed): \(x.shape), \(mode) \(padding) align \(aligns)")
    }
  }

  @Test func gridSampleRefusesWhatDoesNotFit() {
    func refused(_ x: Shape, _ grid: Shape) {
      OperatorRunner("GridSample", version: 20).expectRefusal(
        [Tensor(.float32, x), Tensor(.float32, grid)], "\(x) \(grid)")
    }
    refused([1, 3, 4, 4], [2, 4, 4, 2])
    refused([1, 3, 4, 4], [1, 4, 4, 3])
    refused([1, 3, 4, 4], [1, 2, 4, 4, 3])
    refused([1, 3, 0, 4], [1, 2, 4, 2])
  }

  @Test func depthAndSpaceAreInverse() {
    var random = RandomSource(seed: 2)
    let x = random.tensor([2, 12, 3, 5]), values = x.elements(as: Float.self)
    for mode in ["DCR", "CRD"] {
      var moved: [Float] = []
      forEachIndex([2, 3, 6, 10]) { i in
        let (row, column) = (i[2] % 2, i[3] % 2)
        let c = mode == "DCR" ? (row * 2 + column) * 3 + i[1] : i[1] * 4 + row * 2 + column
        moved.append(values[((i[0] * 12 + c) * 3 + i[2] / 2) * 5 + i[3] / 2])
      }
      let y = Tensor(moved, shape: [2, 3, 6, 10])
      OperatorRunner("DepthToSpace", version: 13, attributes: ["blocksize": .int(2), "mode": text(mode)]).expect(
        [x], equals: [y], mode)
      OperatorRunner("SpaceToDepth", version: 28, attributes: ["blocksize": .int(2), "mode": text(mode)]).expect(
        [y], equals: [x], mode)
    }
    OperatorRunner("DepthToSpace", version: 13, attributes: ["blocksize": .int(5)]).expectRefusal([x])
    OperatorRunner("SpaceToDepth", version: 13, attributes: ["blocksize": .int(2)]).expectRefusal([x])
    OperatorRunner("SpaceToDepth", version: 13, attributes: ["blocksize": .int(0)]).expectRefusal([x])
  }
}
