#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif
import GraphIR
import Operators
import Tensors
import Testing

@Suite struct ResizeTests {
  private func text(_ s: String) -> Attribute { .string(Array(s.utf8)) }

  /// One axis: the weights of the input's elements in every output element.
  private func weights(
    input: Int, output: Int, scale: Double, mode: String, coordinates: String, rounding: String, antialias: Bool,
    excludes: Bool
  ) -> [[Double]] {
    (0..<output).map { o in
      let x = Double(o)
      let position: Double
      switch coordinates {
      case "half_pixel": position = (x + 0.5) / scale - 0.5
      case "asymmetric": position = x / scale
      case "align_corners": position = output == 1 ? 0 : x * Double(input - 1) / (scale * Double(input) - 1)
      case "pytorch_half_pixel": position = output == 1 ? 0 : (x + 0.5) / scale - 0.5
      case "half_pixel_symmetric":
        position = Double(input) / 2 * (1 - Double(output) / (scale * Double(input))) + (x + 0.5) / scale - 0.5
      default: fatalError()
      }
      var row = [Double](repeating: 0, count: input)
      func add(_ index: Int, _ weight: Double) { row[min(max(index, 0), input - 1)] += weight }
      if mode == "nearest" {
        let low = position.rounded(.down)
        let nearest: Double
        switch rounding {
        case "floor": nearest = low
        case "ceil": nearest = position.rounded(.up)
        case "round_prefer_floor": nearest = position - low <= 0.5 ? low : low + 1
        default: nearest = position - low < 0.5 ? low : low + 1
        }
        add(Int(nearest), 1)
        return row
      }
      func filter(_ d: Double) -> Double {
        let d = abs(d), a = -0.75
        if mode == "linear" { return max(1 - d, 0) }
        if d <= 1 { return (a + 2) * d * d * d - (a + 3) * d * d + 1 }
        return d < 2 ? a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a : 0
      }
      let squeeze = antialias ? min(scale, 1) : 1
      var sum = 0.0, terms: [(Int, Double)] = []
      for index in (Int(position.rounded(.down)) - 40)...(Int(position.rounded(.down)) + 40) {
        let weight = filter((Double(index) - position) * squeeze)
        if weight == 0 || (excludes && !(0..<input ~= index)) { continue }
        terms.append((index, weight))
        sum += weight
      }
      for (index, weight) in terms { add(index, antialias || excludes ? weight / sum : weight) }
      return row
    }
  }

  @Test func followsItsDefinition() {
    for seed in 0..<60 {
      var random = RandomSource(seed: seed)
      let mode = random.pick(["nearest", "linear", "cubic"])
      let coordinates = random.pick([
        "half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel", "half_pixel_symmetric",
      ])
      let rounding = random.pick(["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"])
      let antialias = mode != "nearest" && random.int(0...3) == 0, excludes = mode == "cubic" && random.bool()
      let rank = random.pick([3, 4, 4, 4, 5])
      var shape = [random.int(1...2), random.pick([1, 3, 8, 21])], output = shape
      for _ in 2..<rank {
        shape.append(random.int(3...8))
        output.append(random.int(2...17))
      }
      let x = random.tensor(Shape(shape))
      var values = x.doubles!, current = shape
      for axis in 2..<rank {
        let w = weights(
          input: shape[axis], output: output[axis], scale: Double(output[axis]) / Double(shape[axis]), mode: mode,
          coordinates: coordinates, rounding: rounding, antialias: antialias, excludes: excludes)
        let inner = current[(axis + 1)...].reduce(1, *), outer = current[..<axis].reduce(1, *)
        var next: [Double] = []
        for o in 0..<outer {
          for row in w {
            for i in 0..<inner {
              var sum = 0.0
              for (k, weight) in row.enumerated() where weight != 0 {
                sum += weight * values[(o * current[axis] + k) * inner + i]
              }
              next.append(sum)
            }
          }
        }
        values = next
        current[axis] = output[axis]
      }
      OperatorRunner(
        "Resize", version: 19,
        attributes: [
          "mode": text(mode), "coordinate_transformation_mode": text(coordinates), "nearest_mode": text(rounding),
          "antialias": .int(antialias ? 1 : 0), "exclude_outside": .int(excludes ? 1 : 0),
        ]
      ).expect(
        [x, nil, nil, Tensor(output.map(Int64.init))], constants: [3], gives: [Expected(Shape(output), values)],
        relative: 2e-5, absolute: 2e-5,
        "seed \(seed): \(shape) to \(output), \(mode) \(coordinates) \(rounding) antialias \(antialias) excludes \(excludes)")
    }
  }

  @Test func upsampleAndOldResizeRepeat() {
    let x = Tensor([1, 2, 3, 4] as [Float], shape: [1, 1, 2, 2])
    let twice = Tensor(
      [1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 3, 3, 3, 4, 4, 4] as [Float], shape: [1, 1, 4, 6])
    let scales = Tensor([1, 1, 2, 3] as [Float])
    OperatorRunner("Upsample", version: 7, attributes: ["scales": .floats([1, 1, 2, 3])]).expect([x], equals: [twice])
    OperatorRunner("Upsample", version: 9).expect([x, scales], constants: [1], equals: [twice])
    OperatorRunner("Resize", version: 10).expect([x, scales], constants: [1], equals: [twice])
    OperatorRunner("Resize", version: 11, attributes: [
      "coordinate_transformation_mode": text("asymmetric"), "nearest_mode": text("floor"),
    ]).expect([x, Tensor([Float]()), scales], constants: [1, 2], equals: [twice])
    let bytes = Tensor([1, 2, 3, 4] as [UInt8], shape: [1, 1, 2, 2])
    OperatorRunner("Resize", version: 13).expect(
      [bytes, nil, Tensor([1, 1, 2, 1] as [Float])], constants: [2],
      equals: [Tensor([1, 2, 1, 2, 3, 4, 3, 4] as [UInt8], shape: [1, 1, 4, 2])])
  }

  @Test func aRegionThatLeavesTheImageIsFilled() {
    let x = Tensor([0, 1, 2, 3, 4] as [Float], shape: [1, 1, 1, 5])
    OperatorRunner(
      "Resize", version: 13,
      attributes: [
        "mode": text("linear"), "coordinate_transformation_mode": text("tf_crop_and_resize"),
        "extrapolation_value": .float(10),
      ]
    ).expect(
      [
        x, Tensor([0, 0, 0, 0.5, 1, 1, 1, 1.25] as [Float]), nil, Tensor([1, 1, 1, 4] as [Int64]),
      ], constants: [1, 3], gives: [Expected([1, 1, 1, 4], [2, 3, 4, 10])])
  }

  @Test func axesAndAspectRatio() {
    let x = Tensor((0..<8).map(Float.init), shape: [1, 1, 2, 4])
    let attributes: [String: Attribute] = ["axes": .ints([3, 2]), "keep_aspect_ratio_policy": text("not_larger")]
    OperatorRunner("Resize", version: 18, attributes: attributes).expect(
      [x, nil, nil, Tensor([8, 3] as [Int64])], constants: [3],
      equals: [
        Tensor(
          [0, 0, 1, 2, 2, 3, 0, 0, 1, 2, 2, 3, 4, 4, 5, 6, 6, 7] as [Float], shape: [1, 1, 3, 6])
      ])
  }

  @Test func refusesWhatDoesNotFit() {
    let x = Tensor(.float32, [1, 1, 2, 2])
    func refused(
      scales: [Float]? = nil, sizes: [Int64]? = nil, _ attributes: [String: Attribute] = [:],
      _ kind: OperatorError.Kind = .invalid
    ) {
      OperatorRunner("Resize", version: 19, attributes: attributes).expectRefusal(
        [x, nil, scales.map { Tensor($0) }, sizes.map { Tensor($0) }], constants: [2, 3], as: kind,
        "\(scales ?? []) \(sizes ?? []) \(attributes)")
    }
    refused()
    refused(scales: [1, 1, 0, 1])
    refused(scales: [1, 1, .nan, 1])
    refused(scales: [1, 1, 1e30, 1], [:], .tooLarge)
    refused(scales: [1, 1])
    refused(sizes: [1, 1, -2, 4])
    refused(sizes: [1, 1, 1 << 40, 4])
    refused(sizes: [1, 1 << 30, 1 << 30, 1 << 30], [:], .tooLarge)
    refused(sizes: [4, 4], ["axes": .ints([2, 2])])
    refused(sizes: [4, 4], ["axes": .ints([2, 4])])
    refused(sizes: [1, 1, 4, 4], ["mode": text("sharp")])
    refused(sizes: [1, 1, 4, 4], ["coordinate_transformation_mode": text("tf_crop_and_resize")])
  }

  @Test func theFirstUpsampleNamesHeightAndWidth() {
    let x = Tensor([1, 2, 3, 4] as [Float], shape: [1, 1, 2, 2])
    OperatorRunner("Upsample", version: 1, attributes: ["height_scale": .float(1), "width_scale": .float(2)])
      .expect([x], equals: [Tensor([1, 1, 2, 2, 3, 3, 4, 4] as [Float], shape: [1, 1, 2, 4])])
    OperatorRunner("Upsample", version: 1, attributes: ["height_scale": .float(2)]).expectRefusal([x])
    OperatorRunner("Upsample", version: 1, attributes: ["height_scale": .float(2), "width_scale": .float(2)])
      .expectRefusal([numbered([2, 2])])
  }

  @Test func otherTypesAreInterpolated() {
    let sizes = int64s([4])
    let attributes: [String: Attribute] = [
      "mode": .string(Array("linear".utf8)), "coordinate_transformation_mode": .string(Array("align_corners".utf8)),
    ]
    OperatorRunner("Resize", version: 19, attributes: attributes).expect(
      [Tensor([0, 255] as [UInt8]), nil, nil, sizes], constants: [3], equals: [Tensor([0, 85, 170, 255] as [UInt8])])
    OperatorRunner("Resize", version: 19, attributes: attributes).expect(
      [Tensor([0, 3] as [Double]), nil, nil, sizes], constants: [3], equals: [Tensor([0, 1, 2, 3] as [Double])])
  }
}
