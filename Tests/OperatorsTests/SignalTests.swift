import GraphIR
import Operators
import Tensors
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

@Suite struct SignalTests {
  typealias Complex = (re: Double, im: Double)

  /// The transform by its definition.
  private func transform(_ x: [Complex], inverse: Bool = false) -> [Complex] {
    let n = x.count, sign = inverse ? 1.0 : -1.0, scale = inverse ? 1 / Double(n) : 1
    return (0..<n).map { k in
      x.enumerated().reduce((0, 0)) { sum, term in
        let angle = sign * 2 * .pi * Double(term.offset * k % n) / Double(n)
        let (c, s) = (cos(angle) * scale, sin(angle) * scale)
        return (sum.0 + term.element.re * c - term.element.im * s, sum.1 + term.element.re * s + term.element.im * c)
      }
    }
  }

  private func flat(_ values: [Complex]) -> [Double] { values.flatMap { [$0.re, $0.im] } }

  /// The points of `x` `[outer, n, inner, parts]` along its second axis, for one line.
  private func line(_ x: Tensor, _ o: Int, _ i: Int) -> [Complex] {
    let (n, inner, parts) = (x.shape[1], x.shape[2], x.shape[3]), values = x.doubles!
    return (0..<n).map { k in
      let place = ((o * n + k) * inner + i) * parts
      return (values[place], parts == 2 ? values[place + 1] : 0)
    }
  }

  /// The transforms of all lines of `x` `[outer, n, inner, parts]`, made by `body`, in a tensor of `made` points.
  private func lines(_ x: Tensor, made: Int, parts: Int = 2, _ body: ([Complex]) -> [Complex]) -> Expected {
    let (outer, inner) = (x.shape[0], x.shape[2])
    var values = [Double](repeating: 0, count: outer * made * inner * parts)
    for o in 0..<outer {
      for i in 0..<inner {
        for (k, value) in body(line(x, o, i)).prefix(made).enumerated() {
          let place = ((o * made + k) * inner + i) * parts
          values[place] = value.re
          if parts == 2 { values[place + 1] = value.im }
        }
      }
    }
    return Expected([outer, made, inner, parts], values)
  }

  @Test func transformsAlongAnAxis() {
    var random = RandomSource(seed: 1)
    for n in [1, 2, 5, 8, 12, 37] {
      for parts in [1, 2] {
        let x = random.tensor([2, n, 3, parts])
        for inverse in [false, true] {
          let expected = lines(x, made: n) { transform($0, inverse: inverse) }
          OperatorRunner("DFT", version: 17, attributes: ["axis": .int(1), "inverse": .int(inverse ? 1 : 0)])
            .expect([x], gives: [expected], absolute: 1e-6, "\(n) points")
          OperatorRunner("DFT", version: 20, attributes: ["inverse": .int(inverse ? 1 : 0)])
            .expect([x, nil, int64s([-3], shape: [])], constants: [2], gives: [expected], absolute: 1e-6, "\(n) points")
        }
      }
    }
  }

  @Test func oneSidedSpectraAndBack() {
    var random = RandomSource(seed: 2)
    for n in [4, 7, 10] {
      let x = random.tensor([2, n, 2, 1])
      let half = lines(x, made: n / 2 + 1) { transform($0) }
      OperatorRunner("DFT", version: 20, attributes: ["onesided": .int(1)])
        .expect([x, nil, int64s([1], shape: [])], constants: [2], gives: [half])
      OperatorRunner("DFT", version: 20, attributes: ["onesided": .int(1), "inverse": .int(1)])
        .expect(
          [Tensor(floats: half.values, half.shape), int64s([n], shape: []), int64s([1], shape: [])], constants: [1, 2],
          gives: [Expected(x.shape, x.doubles!)])
    }
  }

  @Test func lengthsPadAndCrop() {
    var random = RandomSource(seed: 3)
    let x = random.tensor([1, 6, 1, 2])
    for n in [4, 9] {
      let expected = lines(x, made: n) { points in transform((0..<n).map { $0 < points.count ? points[$0] : (0, 0) }) }
      OperatorRunner("DFT", version: 17)
        .expect([x, int64s([n], shape: [])], constants: [1], gives: [expected])
    }
  }

  @Test func wholeNumbersGiveExactZeros() {
    // Sums in float32 would leave 1e-5 where there is nothing.
    let x = Tensor((0..<100).map { Float($0) }, shape: [1, 100, 1, 1])
    let expected = lines(x, made: 51) { transform($0) }
    OperatorRunner("DFT", version: 17, attributes: ["onesided": .int(1)])
      .expect([x], gives: [expected], relative: 1e-6, absolute: 1e-7)
  }

  @Test func transformsOfOtherTypes() {
    let x = Tensor([1, -2, 3] as [Double], shape: [1, 3, 1])
    OperatorRunner("DFT", version: 17).expect([x], gives: [Expected([1, 3, 2], flat(transform([(1, 0), (-2, 0), (3, 0)])))])
  }

  @Test func badTransformsAreRefused() {
    let x = numbered([2, 4, 2])
    OperatorRunner("DFT", version: 17, attributes: ["axis": .int(2)]).expectRefusal([x])
    OperatorRunner("DFT", version: 17, attributes: ["onesided": .int(1)]).expectRefusal([x])
    OperatorRunner("DFT", version: 17).expectRefusal([numbered([2, 4, 3])])
    OperatorRunner("DFT", version: 17).expectRefusal([x, int64s([0], shape: [])], constants: [1])
    OperatorRunner("DFT", version: 17).expectRefusal([Tensor(.float32, [2, 0, 1])])
  }

  @Test func shortTimeSpectra() {
    var random = RandomSource(seed: 4)
    for parts in [1, 2] {
      for oneSided in parts == 1 ? [true, false] : [false] {
        let x = random.tensor([2, 20, parts]), window = random.tensor([6])
        let frames = (20 - 6) / 4 + 1, bins = oneSided ? 4 : 6
        for hasWindow in [true, false] {
          var values: [Double] = []
          for b in 0..<2 {
            for f in 0..<frames {
              let points: [Complex] = (0..<6).map { k in
                let weight = hasWindow ? window.doubles![k] : 1, place = (b * 20 + f * 4 + k) * parts
                return (weight * x.doubles![place], parts == 2 ? weight * x.doubles![place + 1] : 0)
              }
              values += flat(Array(transform(points).prefix(bins)))
            }
          }
          OperatorRunner("STFT", version: 17, attributes: ["onesided": .int(oneSided ? 1 : 0)])
            .expect(
              [x, int64s([4], shape: []), hasWindow ? window : nil, int64s([6], shape: [])], constants: [1, 3],
              gives: [Expected([2, frames, bins, 2], values)])
        }
      }
    }
    OperatorRunner("STFT", version: 17)
      .expectRefusal([numbered([1, 4, 1]), int64s([1], shape: []), nil, int64s([5], shape: [])], constants: [1, 3])
    OperatorRunner("STFT", version: 17)
      .expectRefusal([numbered([1, 4, 1]), int64s([0], shape: []), nil, int64s([2], shape: [])], constants: [1, 3])
  }

  @Test func windows() {
    func expected(_ n: Int, periodic: Bool, _ formula: (Double) -> Double) -> Expected {
      Expected([n], (0..<n).map { formula(2 * .pi * Double($0) / Double(periodic ? n : n - 1)) })
    }
    for periodic in [true, false] {
      for (name, formula) in [
        ("HannWindow", { sin($0 / 2) * sin($0 / 2) }), ("HammingWindow", { 25.0 / 46 - 21.0 / 46 * cos($0) }),
        ("BlackmanWindow", { 0.42 - 0.5 * cos($0) + 0.08 * cos(2 * $0) }),
      ] as [(String, (Double) -> Double)] {
        OperatorRunner(name, version: 17, attributes: ["periodic": .int(periodic ? 1 : 0)])
          .expect([int64s([10], shape: [])], constants: [0], gives: [expected(10, periodic: periodic, formula)])
        OperatorRunner(name, version: 17, attributes: ["periodic": .int(periodic ? 1 : 0), "output_datatype": .int(11)])
          .expect(
            [Tensor(scalar: 7 as Int32)], constants: [0], gives: [expected(7, periodic: periodic, formula)],
            relative: 1e-13, absolute: 1e-15)
      }
    }
    OperatorRunner("HannWindow", version: 17, attributes: ["periodic": .int(0)])
      .expect([int64s([1], shape: [])], constants: [0], equals: [Tensor([1 as Float])])
    OperatorRunner("HannWindow", version: 17).expectRefusal([int64s([-1], shape: [])], constants: [0])
    OperatorRunner("HannWindow", version: 17, attributes: ["output_datatype": .int(8)])
      .expectRefusal([int64s([3], shape: [])], constants: [0])
  }

  @Test func melBands() {
    // Edges at 0, 3, 7, 13 and 22 of 16 bins, by the scale's formula.
    let inputs: [Tensor?] = [
      int64s([3], shape: []), int64s([30], shape: []), int64s([8000], shape: []), Tensor(scalar: 0 as Float),
      Tensor(scalar: 4000 as Float),
    ]
    let low = 0.0, high = 2595 * log10(1 + 4000.0 / 700)
    let edges = (0..<5).map { (k: Int) -> Int in
      let mel: Double = low + Double(k) * (high - low) / 5
      let hertz: Double = 700 * (pow(10, mel / 2595) - 1)
      return Int((31 * hertz / 8000).rounded(.down))
    }
    var values = [Double](repeating: 0, count: 16 * 3)
    for band in 0..<3 {
      let (left, center, right) = (edges[band], edges[band + 1], edges[band + 2])
      for k in left...center { values[k * 3 + band] = Double(k - left) / Double(center - left) }
      for k in center..<right { values[k * 3 + band] = Double(right - k) / Double(right - center) }
    }
    OperatorRunner("MelWeightMatrix", version: 17)
      .expect(inputs, constants: [0, 1, 2], gives: [Expected([16, 3], values)])
    var bad = inputs
    bad[2] = int64s([0], shape: [])
    OperatorRunner("MelWeightMatrix", version: 17).expectRefusal(bad, constants: [0, 1, 2])
    OperatorRunner("MelWeightMatrix", version: 17).expectRefusal(bad, constants: [0, 1])
  }
}
