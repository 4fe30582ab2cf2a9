#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif
import GraphIR
import Operators
import Tensors
import Testing

@Suite struct NormalizationTests {
  /// `(x - mean) / √(variance + ε)` of the values.
  private func standardized(_ x: [Double], _ epsilon: Double) -> [Double] {
    let mean = x.reduce(0, +) / Double(x.count)
    let variance = x.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(x.count)
    return x.map { ($0 - mean) / (variance + epsilon).squareRoot() }
  }

  @Test func batchNormalizationScalesAndShifts() {
    for (seed, shape) in ([[2, 3, 4, 5], [1, 17, 6], [3, 5], [1, 2, 3, 4, 5]] as [Shape]).enumerated() {
      var random = RandomSource(seed: seed)
      let x = random.tensor(shape), channels = shape[1], plane = shape.count(2..<shape.rank)
      let parameters = (0..<4).map { _ in random.tensor([channels], in: 0.25...2) }, p = parameters.map { $0.doubles! }
      let values = x.doubles!.enumerated().map { index, value in
        let c = index / plane % channels
        return (value - p[2][c]) / (p[3][c] + 1e-3).squareRoot() * p[0][c] + p[1][c]
      }
      for constants in [[], [1, 2, 3, 4]] as [Set<Int>] {
        for version in [7, 9, 14, 15] {
          OperatorRunner("BatchNormalization", version: version, attributes: ["epsilon": .float(1e-3)]).expect(
            [x] + parameters, constants: constants, gives: [Expected(shape, values)], relative: 1e-5, absolute: 2e-6,
            "\(shape)")
        }
      }
    }
  }

  @Test func theAffineFormIsTheSame() throws {
    let node = OperatorRunner("BatchNormalization", version: 15, attributes: ["epsilon": .float(0)]).makeNode(inputCount: 5)
    let operation = try #require(try OperatorRegistry.standard.implementation(of: node) as? any AffineOperator)
    let constants: [Tensor?] = [
      nil, Tensor([2, 3] as [Float]), Tensor([1, -1] as [Float]), Tensor([4, 5] as [Float]), Tensor([4, 9] as [Float]),
    ]
    let affine = try #require(operation.affine(constants: constants))
    #expect(affine.scale == [1, 1])
    #expect(affine.shift == [-3, -6])
    #expect(operation.affine(constants: [nil, nil, nil, nil, nil]) == nil)
  }

  @Test func batchStatisticsWhileTraining() {
    let x = Tensor([1, 3, 5, 7, 2, 2, 4, 4] as [Float], shape: [2, 2, 2])
    // Channel 0 holds 1 3 2 2, channel 1 holds 5 7 4 4.
    func vector(_ a: Float, _ b: Float) -> Tensor { Tensor([a, b]) }
    let scale = (0.5 as Double).squareRoot(), other = (1.5 as Double).squareRoot()
    OperatorRunner(
      "BatchNormalization", version: 15, attributes: ["epsilon": .float(0), "momentum": .float(0.5), "training_mode": .int(1)],
      outputs: [true, true, true]
    ).expect(
      [x, vector(1, 1), vector(0, 0), vector(0, 1), vector(1, 1)],
      gives: [
        Expected([2, 2, 2], [-1 / scale, 1 / scale, 0, 2 / other, 0, 0, -1 / other, -1 / other]),
        Expected([2], [1, 3]), Expected([2], [0.75, 1.25]),
      ])
  }

  @Test func groupsAndInstances() {
    for (seed, shape) in ([[2, 6, 4, 5], [1, 32, 9, 7], [2, 4, 11], [1, 4, 2, 3, 5]] as [Shape]).enumerated() {
      for isInstance in [true, false] {
        for version in isInstance ? [6, 22] : [18, 21] {
          var random = RandomSource(seed: seed)
          let channels = shape[1], groups = isInstance ? channels : 2, plane = shape.count(2..<shape.rank)
          let spread = channels / groups, perGroup = version == 18
          let parameters = (0..<2).map { _ in random.tensor([perGroup ? groups : channels]) }
          let p = parameters.map { $0.doubles! }
          let x = random.tensor(shape, in: -1...3), values = x.doubles!
          var expected: [Double] = []
          for group in 0..<(shape[0] * groups) {
            let size = spread * plane
            for (index, value) in standardized(Array(values[group * size..<(group + 1) * size]), 1e-5).enumerated() {
              let c = group % groups * spread + index / plane
              expected.append(value * p[0][perGroup ? c / spread : c] + p[1][perGroup ? c / spread : c])
            }
          }
          OperatorRunner(
            isInstance ? "InstanceNormalization" : "GroupNormalization", version: version,
            attributes: isInstance ? [:] : ["num_groups": .int(groups)]
          ).expect(
            [x] + parameters, constants: random.bool() ? [1, 2] : [], gives: [Expected(shape, expected)],
            relative: 2e-5, absolute: 5e-6, "\(shape)")
        }
      }
    }
  }

  @Test func layersAndRootMeanSquares() {
    for (seed, axis) in [-1, 1, 0, -2].enumerated() {
      var random = RandomSource(seed: seed)
      let shape: Shape = [3, 5, 17], first = axis < 0 ? axis + 3 : axis
      let x = random.tensor(shape, in: -1...3), values = x.doubles!, width = shape.count(first..<3)
      let inner = Shape(Array(shape.dims[first...]))
      for parameterShape in [inner, [17], [1]] as [Shape] {
        let scale = random.tensor(parameterShape), bias = random.tensor(parameterShape)
        let s = scale.doubles!, b = bias.doubles!
        var normal: [Double] = [], squares: [Double] = [], means: [Double] = [], deviations: [Double] = []
        for row in 0..<(shape.count / width) {
          let slice = Array(values[row * width..<(row + 1) * width])
          let mean = slice.reduce(0, +) / Double(width)
          means.append(mean)
          deviations.append(1 / (slice.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(width) + 1e-5).squareRoot())
          let power = (slice.map { $0 * $0 }.reduce(0, +) / Double(width) + 1e-5).squareRoot()
          for (j, value) in standardized(slice, 1e-5).enumerated() { normal.append(value * s[j % s.count] + b[j % b.count]) }
          for (j, value) in slice.enumerated() { squares.append(value / power * s[j % s.count]) }
        }
        let moments = Shape(Array(shape.dims[..<first]) + Array(repeating: 1, count: 3 - first))
        let attributes: [String: Attribute] = ["axis": .int(axis)]
        OperatorRunner("LayerNormalization", version: 17, attributes: attributes, outputs: [true, true, true]).expect(
          [x, scale, bias], constants: [1], gives: [Expected(shape, normal), Expected(moments, means), Expected(moments, deviations)],
          relative: 2e-5, absolute: 5e-6, "axis \(axis), parameters \(parameterShape)")
        OperatorRunner("RMSNormalization", version: 23, attributes: attributes).expect(
          [x, scale], gives: [Expected(shape, squares)], relative: 2e-5, absolute: 5e-6, "axis \(axis)")
      }
    }
  }

  @Test func softmaxBeforeAndSinceVersion13() {
    var random = RandomSource(seed: 8)
    let shape: Shape = [2, 7, 3, 4], x = random.tensor(shape, in: -20...20), values = x.doubles!
    for axis in -4..<4 {
      let first = axis < 0 ? axis + 4 : axis
      for version in [11, 13] {
        let inner = version < 13 ? 1 : shape.count((first + 1)..<4)
        let length = version < 13 ? shape.count(first..<4) : shape[first]
        var soft = [Double](repeating: 0, count: values.count), logs = soft
        for outer in 0..<(values.count / length / inner) {
          for i in 0..<inner {
            let places = (0..<length).map { (outer * length + $0) * inner + i }
            let top = places.map { values[$0] }.max()!
            let sum = places.map { exp(values[$0] - top) }.reduce(0, +)
            for place in places {
              soft[place] = exp(values[place] - top) / sum
              logs[place] = values[place] - top - log(sum)
            }
          }
        }
        OperatorRunner("Softmax", version: version, attributes: ["axis": .int(axis)]).expect(
          [x], gives: [Expected(shape, soft)], relative: 1e-5, absolute: 1e-7, "axis \(axis)")
        OperatorRunner("LogSoftmax", version: version, attributes: ["axis": .int(axis)]).expect(
          [x], gives: [Expected(shape, logs)], relative: 1e-5, absolute: 1e-5, "axis \(axis)")
      }
    }
    OperatorRunner("Softmax", version: 13, attributes: ["axis": .int(4)]).expectRefusal([x])
    OperatorRunner("Softmax", version: 13, attributes: ["axis": .int(-5)]).expectRefusal([x])
  }

  @Test func neighboursAndWholeTensors() {
    var random = RandomSource(seed: 12)
    let x = random.tensor([2, 5, 2, 3], in: -1...3), values = x.doubles!
    var responses: [Double] = []
    for index in values.indices {
      let c = index / 6 % 5
      let around = (max(c - 1, 0)...min(c + 2, 4)).map { values[index + ($0 - c) * 6] }
      responses.append(values[index] / pow(1.5 + 0.1 / 4 * around.map { $0 * $0 }.reduce(0, +), 0.75))
    }
    OperatorRunner(
      "LRN", version: 13, attributes: ["size": .int(4), "alpha": .float(0.1), "bias": .float(1.5)]
    ).expect([x], gives: [Expected(x.shape, responses)])
    var whole = values
    for c in 0..<5 {
      let places = values.indices.filter { $0 / 6 % 5 == c }
      for (place, value) in zip(places, standardized(places.map { values[$0] }, 0)) { whole[place] = value }
    }
    OperatorRunner("MeanVarianceNormalization", version: 13).expect([x], gives: [Expected(x.shape, whole)])
  }
}
