import GraphIR
import Operators
import Tensors
import Testing

@Suite struct MovementTests {
  private func ints(_ values: [Int]) -> Attribute { .ints(values) }
  private func text(_ value: String) -> Attribute { .string(Array(value.utf8)) }

  @Test func transposesMoveAxes() {
    var random = RandomSource(seed: 1)
    let shapes: [Shape] = [
      [], [5], [3, 4], [2, 3, 4], [2, 3, 4, 5], [2, 1, 4, 5], [2, 3, 2, 4, 3], [2, 1, 2, 1, 2, 2, 2, 2, 2, 2],
    ]
    for shape in shapes {
      let x = numbered(shape)
      var orders = (0..<4).map { _ in Array(0..<shape.rank).shuffled(using: &random) }
      if shape.rank >= 3 { orders += [[0] + (2..<shape.rank) + [1], [0, shape.rank - 1] + (1..<(shape.rank - 1))] }
      for order in orders {
        let target = Shape(order.map { shape[$0] })
        let expected = made(target) { index in
          var source = [Int](repeating: 0, count: shape.rank)
          for (axis, from) in order.enumerated() { source[from] = index[axis] }
          return position(of: source, in: shape)
        }
        OperatorRunner("Transpose", version: 13, attributes: ["perm": ints(order)])
          .expect([x], equals: [expected], "\(shape) by \(order)")
      }
    }
    OperatorRunner("Transpose", version: 13).expect(
      [int64s([1, 2, 3, 4], shape: [2, 2])], equals: [int64s([1, 3, 2, 4], shape: [2, 2])])
    OperatorRunner("Transpose", version: 13, attributes: ["perm": ints([0, 0])]).expectRefusal([numbered([2, 2])])
    OperatorRunner("Transpose", version: 13, attributes: ["perm": ints([0])]).expectRefusal([numbered([2, 2])])
  }

  @Test func concatPlacesInputsBehindEachOther() {
    for (axis, extents) in [(1, [3, 1, 4]), (0, [2, 2]), (-1, [5]), (2, [1, 0, 3]), (3, [2, 5])] as [(Int, [Int])] {
      let shapes = extents.map { extent -> Shape in
        var dims = [2, 3, 4, 5]
        dims[axis < 0 ? axis + 4 : axis] = extent
        return Shape(dims)
      }
      let resolved = axis < 0 ? axis + 4 : axis
      var target = shapes[0]
      target.dims[resolved] = extents.reduce(0, +)
      let inputs = shapes.enumerated().map { number, shape in
        made(shape) { 1000 * number + position(of: $0, in: shape) }
      }
      let expected = made(target) { index in
        var (number, index) = (0, index)
        while index[resolved] >= extents[number] {
          index[resolved] -= extents[number]
          number += 1
        }
        return 1000 * number + position(of: index, in: shapes[number])
      }
      OperatorRunner("Concat", version: 13, attributes: ["axis": .int(axis)]).expect(
        inputs, equals: [expected], "axis \(axis)")
    }
    OperatorRunner("Concat", version: 13, attributes: ["axis": .int(0)])
      .expect([int64s([1]), int64s([2, 3])], constants: [0], equals: [int64s([1, 2, 3])])
    OperatorRunner("Concat", version: 13, attributes: ["axis": .int(0)]).expectRefusal([
      numbered([2, 3]), numbered([2, 4]),
    ])
    OperatorRunner("Concat", version: 13, attributes: ["axis": .int(2)]).expectRefusal([numbered([2, 3])])
  }

  @Test func splitCutsPieces() {
    let x = numbered([2, 7, 2, 3])
    func piece(_ start: Int, _ count: Int) -> Tensor {
      made([2, count, 2, 3]) { position(of: [$0[0], $0[1] + start, $0[2], $0[3]], in: [2, 7, 2, 3]) }
    }
    let three = [true, true, true]
    OperatorRunner("Split", version: 13, attributes: ["axis": .int(1)], outputs: three)
      .expect([x, int64s([2, 4, 1])], constants: [1], equals: [piece(0, 2), piece(2, 4), piece(6, 1)])
    OperatorRunner("Split", version: 13, attributes: ["axis": .int(1)], outputs: [true, false, true])
      .expect([x, int64s([2, 4, 1])], constants: [1], equals: [piece(0, 2), piece(6, 1)])
    OperatorRunner("Split", version: 2, attributes: ["axis": .int(-3), "split": ints([6, 1])], outputs: [true, true])
      .expect([x], equals: [piece(0, 6), piece(6, 1)])
    OperatorRunner("Split", version: 18, attributes: ["axis": .int(1), "num_outputs": .int(3)], outputs: three)
      .expect([x], equals: [piece(0, 3), piece(3, 3), piece(6, 1)])
    OperatorRunner("Split", version: 11, outputs: [true, true])
      .expect([int64s([1, 2, 3, 4])], equals: [int64s([1, 2]), int64s([3, 4])])
    OperatorRunner("Split", version: 13, attributes: ["axis": .int(1)], outputs: three).expectRefusal([x])
    OperatorRunner("Split", version: 13, attributes: ["axis": .int(1)], outputs: three)
      .expectRefusal([x, int64s([2, 4, 2])], constants: [1])
    OperatorRunner("Split", version: 13, attributes: ["axis": .int(1)], outputs: three)
      .expectRefusal([x, int64s([.max, .max, 9])], constants: [1])
  }

  @Test func slicesFollowPython() {
    var random = RandomSource(seed: 5)
    let shape: Shape = [2, 5, 6, 4]
    let x = numbered(shape)
    for round in 0..<60 {
      let axes = Array([0, 1, 2, 3].shuffled(using: &random).prefix(random.int(1...4)))
      let far = [Int.min, -100, 100, Int(Int32.max), Int.max]
      let starts = axes.map { _ in random.int(0...5) == 0 ? random.pick(far) : random.int(-7...7) }
      let ends = axes.map { _ in random.int(0...3) == 0 ? random.pick(far) : random.int(-7...7) }
      let steps = axes.map { _ in random.pick([1, 1, 1, 2, 3, -1, -2, Int.min, Int.max]) }
      let chosen = (0..<4).map { axis -> [Int] in
        guard let k = axes.firstIndex(of: axis) else { return Array(0..<shape[axis]) }
        return python(shape[axis], starts[k], ends[k], steps[k])
      }
      let target = Shape(chosen.map(\.count))
      let expected = made(target) { index in position(of: (0..<4).map { chosen[$0][index[$0]] }, in: shape) }
      let named = axes.map { random.bool() ? $0 : $0 - 4 }
      OperatorRunner("Slice", version: 13).expect(
        [x, int64s(starts), int64s(ends), int64s(named), int64s(steps)], constants: [1, 2, 3, 4], equals: [expected],
        "round \(round): \(starts) to \(ends) by \(steps) of \(axes)")
    }
    OperatorRunner("Slice", version: 1, attributes: ["starts": ints([1]), "ends": ints([-1]), "axes": ints([1])])
      .expect([numbered([2, 4])], equals: [Tensor([1, 2, 5, 6] as [Float], shape: [2, 2])])
    OperatorRunner("Slice", version: 10).expect(
      [int64s([1, 2, 3]), int64s([0]), int64s([2])], constants: [0, 1, 2], equals: [int64s([1, 2])])
    OperatorRunner("Slice", version: 13).expectRefusal(
      [x, int64s([0]), int64s([1]), int64s([0]), int64s([0])], constants: [1, 2, 3, 4])
    OperatorRunner("Slice", version: 13).expectRefusal(
      [x, int64s([0]), int64s([1]), int64s([4])], constants: [1, 2, 3])
    OperatorRunner("Slice", version: 13).expectRefusal([x, int64s([0, 1]), int64s([1])], constants: [1, 2])
  }

  /// The indices that `range(extent)[start:end:step]` gives, counted out one by one.
  private func python(_ extent: Int, _ start: Int, _ end: Int, _ step: Int) -> [Int] {
    func bound(_ value: Int) -> Int {
      if value >= 0 { return min(value, step > 0 ? extent : extent - 1) }
      return value < -extent ? (step > 0 ? 0 : -1) : value + extent
    }
    var (index, result) = (bound(start), [Int]())
    let last = bound(end)
    while step > 0 ? index < last : index > last {
      result.append(index)
      let (next, overflow) = index.addingReportingOverflow(step)
      if overflow { break }
      index = next
    }
    return result
  }

  @Test func padsEveryMode() {
    var random = RandomSource(seed: 8)
    for round in 0..<60 {
      let mode = random.pick(["constant", "reflect", "edge", "wrap"])
      let shape = Shape([random.int(1...2), random.int(1...4), random.int(2...5), random.int(3...6)])
      var pads = (0..<8).map { _ in random.int(-1...3) }
      for axis in 0..<4 where shape[axis] + min(pads[axis], 0) + min(pads[axis + 4], 0) < 1 {
        (pads[axis], pads[axis + 4]) = (0, random.int(0...2))
      }
      let target = Shape((0..<4).map { shape[$0] + pads[$0] + pads[$0 + 4] })
      let expected = made(target) { index in
        var source: [Int] = []
        for axis in 0..<4 {
          let (low, high) = (max(-pads[axis], 0), shape[axis] - max(-pads[axis + 4], 0))
          guard let place = walk(index[axis] - pads[axis], low, high, mode) else { return -7 }
          source.append(place)
        }
        return position(of: source, in: shape)
      }
      let value: Tensor? = mode == "constant" || random.bool() ? Tensor(scalar: -7 as Float) : nil
      for constants in [[1], [1, 2]] as [Set<Int>] {
        OperatorRunner("Pad", version: 19, attributes: ["mode": text(mode)]).expect(
          [numbered(shape), int64s(pads), value], constants: constants, equals: [expected],
          "round \(round), \(mode) \(pads)")
      }
    }
    let row = Tensor([1, 2] as [Float], shape: [1, 2])
    let padded = Tensor([0, 1, 2, 0, 0] as [Float], shape: [1, 5])
    OperatorRunner("Pad", version: 2, attributes: ["pads": ints([0, 1, 0, 2])]).expect([row], equals: [padded])
    OperatorRunner("Pad", version: 18).expect(
      [row, int64s([1, 2]), nil, int64s([-1])], constants: [1, 3], equals: [padded])
    OperatorRunner("Pad", version: 13).expect(
      [int64s([5]), int64s([1, 1]), Tensor(scalar: 9 as Int64)], constants: [1], equals: [int64s([9, 5, 9])])
    OperatorRunner("Pad", version: 13).expectRefusal([row, int64s([1, 2])], constants: [1])
    OperatorRunner("Pad", version: 13).expectRefusal([row, int64s([0, -2, 0, -1])], constants: [1])
    OperatorRunner("Pad", version: 13).expectRefusal([row, int64s([.max, 0, .max, 0])], constants: [1])
    OperatorRunner("Pad", version: 13).expectRefusal(
      [row, int64s([0, 1 << 39, 1 << 39, 0])], constants: [1], as: .tooLarge)
  }

  /// The element of `low ..< high` that stands at `place`, by turning or starting over at the ends; nil for none.
  private func walk(_ place: Int, _ low: Int, _ high: Int, _ mode: String) -> Int? {
    var place = place
    if (low..<high).contains(place) { return place }
    switch mode {
    case "constant": return nil
    case "edge": return place < low ? low : high - 1
    case "wrap":
      while place < low { place += high - low }
      while place >= high { place -= high - low }
      return place
    default:
      if high - low == 1 { return low }
      while !(low..<high).contains(place) { place = place < low ? 2 * low - place : 2 * (high - 1) - place }
      return place
    }
  }

  @Test func expandAndTileRepeat() {
    let x = numbered([3, 1])
    OperatorRunner("Expand", version: 13).expect(
      [x, int64s([2, 1, 4])], constants: [1], equals: [made([2, 3, 4]) { $0[1] }])
    OperatorRunner("Expand", version: 13).expect([x, int64s([1])], constants: [1], equals: [x])
    OperatorRunner("Expand", version: 13).expect(
      [numbered([1, 3, 1, 2]), int64s([2, 3, 4, 2])], constants: [1],
      equals: [made([2, 3, 4, 2]) { 2 * $0[1] + $0[3] }])
    OperatorRunner("Expand", version: 13).expectRefusal([x, int64s([2, 2])], constants: [1])
    OperatorRunner("Expand", version: 13).expectRefusal([x, int64s([Int.max, 1, 1])], constants: [1], as: .tooLarge)
    OperatorRunner("Tile", version: 13).expect(
      [numbered([2, 3]), int64s([2, 3])], constants: [1], equals: [made([4, 9]) { $0[0] % 2 * 3 + $0[1] % 3 }])
    OperatorRunner("Tile", version: 13).expect(
      [numbered([2, 3]), int64s([0, 1])], constants: [1], equals: [numbered([0, 3])])
    OperatorRunner("Tile", version: 13).expectRefusal([numbered([2, 3]), int64s([Int.max, 1])], constants: [1])
  }

  @Test func unitAxesComeAndGo() {
    let x = numbered([1, 3, 1, 2])
    OperatorRunner("Squeeze", version: 11, attributes: ["axes": ints([0, -2])]).expect(
      [x], equals: [x.reshaped([3, 2])])
    OperatorRunner("Squeeze", version: 13).expect([x, int64s([2])], constants: [1], equals: [x.reshaped([1, 3, 2])])
    OperatorRunner("Squeeze", version: 13).expect([x], equals: [x.reshaped([3, 2])])
    OperatorRunner("Squeeze", version: 13).expectRefusal([x, int64s([1])], constants: [1])
    OperatorRunner("Unsqueeze", version: 11, attributes: ["axes": ints([0, 5])]).expect(
      [x], equals: [x.reshaped([1, 1, 3, 1, 2, 1])])
    OperatorRunner("Unsqueeze", version: 13).expect(
      [x, int64s([-1])], constants: [1], equals: [x.reshaped([1, 3, 1, 2, 1])])
    OperatorRunner("Unsqueeze", version: 13).expectRefusal([x, int64s([0, 0])], constants: [1])
    OperatorRunner("Unsqueeze", version: 13).expectRefusal([x, int64s([5])], constants: [1])
    OperatorRunner("Flatten", version: 13, attributes: ["axis": .int(-1)]).expect([x], equals: [x.reshaped([3, 2])])
    OperatorRunner("Flatten", version: 9, attributes: ["axis": .int(0)]).expect([x], equals: [x.reshaped([1, 6])])
    OperatorRunner("Flatten", version: 13, attributes: ["axis": .int(5)]).expectRefusal([x])
    OperatorRunner("Size", version: 13).expect([x], equals: [Tensor(scalar: 6 as Int64)])
  }

  @Test func gatherPicksSlices() {
    var random = RandomSource(seed: 13)
    let shape: Shape = [3, 4, 5]
    let x = numbered(shape)
    for axis in -3..<3 {
      let resolved = axis < 0 ? axis + 3 : axis
      for own in [[2, 3], [4], [], [1], [0]] as [Shape] {
        let chosen = (0..<own.count).map { _ in random.int(-shape[resolved]...shape[resolved] - 1) }
        let dims = Array(shape.dims[..<resolved]) + own.dims + Array(shape.dims[(resolved + 1)...])
        let expected = made(Shape(dims)) { index in
          let inner = Array(index[resolved..<(resolved + own.rank)])
          let pick = chosen[position(of: inner, in: own)]
          let source =
            Array(index[..<resolved]) + [pick < 0 ? pick + shape[resolved] : pick]
            + Array(index[(resolved + own.rank)...])
          return position(of: source, in: shape)
        }
        for constants in [[], [1]] as [Set<Int>] {
          OperatorRunner("Gather", version: 13, attributes: ["axis": .int(axis)]).expect(
            [x, int64s(chosen, shape: own)], constants: constants, equals: [expected], "axis \(axis), \(chosen)")
        }
      }
    }
    OperatorRunner("Gather", version: 1).expect(
      [int64s([7, 8, 9]), Tensor([2, -3] as [Int32])], equals: [int64s([9, 7])])
    for constants in [[], [1]] as [Set<Int>] {
      OperatorRunner("Gather", version: 13).expectRefusal([x, int64s([3])], constants: constants)
      OperatorRunner("Gather", version: 13).expectRefusal([x, int64s([-4, 0])], constants: constants)
      OperatorRunner("Gather", version: 13).expectRefusal([x, int64s([Int.min, 0])], constants: constants)
    }
  }

  @Test func elementsAreGatheredAndScattered() {
    var random = RandomSource(seed: 21)
    let shape: Shape = [3, 4, 5]
    for axis in 0..<3 {
      var own: Shape = [2, 3, 4]
      own.dims[axis] = 6
      let chosen = (0..<own.count).map { _ in random.int(-shape[axis]...shape[axis] - 1) }
      let x = numbered(shape)
      func target(_ place: Int) -> Int {
        var index = indices(of: own)[place]
        index[axis] = chosen[place] < 0 ? chosen[place] + shape[axis] : chosen[place]
        return position(of: index, in: shape)
      }
      let gathered = Tensor((0..<own.count).map { Float(target($0)) }, shape: own)
      OperatorRunner("GatherElements", version: 13, attributes: ["axis": .int(axis)])
        .expect([x, int64s(chosen, shape: own)], equals: [gathered])
      let updates = Tensor((0..<own.count).map { _ in Float(random.int(-9...9)) }, shape: own)
      let joins: [(String, (Float, Float) -> Float)] = [
        ("none", { $1 }), ("add", { $0 + $1 }), ("mul", { $0 * $1 }), ("max", { max($0, $1) }),
        ("min", { min($0, $1) }),
      ]
      for (name, join) in joins {
        var values = x.elements(as: Float.self)
        for (place, update) in updates.elements(as: Float.self).enumerated() {
          values[target(place)] = join(values[target(place)], update)
        }
        OperatorRunner("ScatterElements", version: 18, attributes: ["axis": .int(axis), "reduction": text(name)])
          .expect([x, int64s(chosen, shape: own), updates], equals: [Tensor(values, shape: shape)], name)
      }
    }
    OperatorRunner("GatherElements", version: 13).expectRefusal([numbered([2, 2]), int64s([0, 2], shape: [1, 2])])
    OperatorRunner("ScatterElements", version: 13).expectRefusal(
      [numbered([2, 2]), int64s([0, -3], shape: [1, 2]), numbered([1, 2])])
  }

  @Test func tuplesNameSlices() {
    let x = numbered([2, 2, 2])
    OperatorRunner("GatherND", version: 13).expect(
      [x, int64s([0, 1, 1, 0], shape: [2, 1, 2])], equals: [Tensor([2, 3, 4, 5] as [Float], shape: [2, 1, 2])])
    OperatorRunner("GatherND", version: 13, attributes: ["batch_dims": .int(1)]).expect(
      [x, int64s([1, 0], shape: [2, 1])], equals: [Tensor([2, 3, 4, 5] as [Float], shape: [2, 2])])
    OperatorRunner("GatherND", version: 13).expectRefusal([x, int64s([0, 2], shape: [1, 2])])
    let base = Tensor([1, 2, 3, 4, 5, 6, 7, 8] as [Float])
    let places = int64s([4, 3, 1, -1], shape: [4, 1])
    let updates = Tensor([9, 10, 11, 12] as [Float])
    OperatorRunner("ScatterND", version: 11).expect(
      [base, places, updates], equals: [Tensor([1, 11, 3, 10, 9, 6, 7, 12] as [Float])])
    OperatorRunner("ScatterND", version: 16, attributes: ["reduction": text("add")]).expect(
      [base, int64s([1, 1], shape: [2, 1]), Tensor([5, 6] as [Float])],
      equals: [Tensor([1, 13, 3, 4, 5, 6, 7, 8] as [Float])])
    OperatorRunner("ScatterND", version: 11).expect(
      [numbered([2, 3]), int64s([1], shape: [1, 1]), Tensor([7, 8, 9] as [Float], shape: [1, 3])],
      equals: [Tensor([0, 1, 2, 7, 8, 9] as [Float], shape: [2, 3])])
    OperatorRunner("ScatterND", version: 11).expectRefusal([base, int64s([8], shape: [1, 1]), Tensor([1] as [Float])])
  }

  @Test func constantsAndRanges() {
    OperatorRunner("Constant", version: 13, attributes: ["value_ints": ints([3, 4])]).expect(
      [], equals: [int64s([3, 4])])
    OperatorRunner("Constant", version: 13, attributes: ["value_float": .float(2)]).expect(
      [], equals: [Tensor(scalar: 2 as Float)])
    OperatorRunner("Constant", version: 13).expectRefusal([])
    OperatorRunner("ConstantOfShape", version: 9, attributes: ["value": .tensor(int64s([7]))])
      .expect([int64s([2, 3])], constants: [0], equals: [int64s([7, 7, 7, 7, 7, 7], shape: [2, 3])])
    OperatorRunner("ConstantOfShape", version: 9).expect(
      [int64s([])], constants: [0], equals: [Tensor(scalar: 0 as Float)])
    OperatorRunner("ConstantOfShape", version: 9).expectRefusal([int64s([-1])], constants: [0])
    OperatorRunner("ConstantOfShape", version: 9).expectRefusal(
      [int64s([1 << 40, 1 << 40])], constants: [0], as: .tooLarge)
    let range = OperatorRunner("Range", version: 11)
    func scalars(_ values: [Int]) -> [Tensor?] { values.map { Tensor(scalar: Int64($0)) } }
    range.expect(scalars([1, 8, 3]), constants: [0, 1, 2], equals: [int64s([1, 4, 7])])
    range.expect(scalars([10, 4, -2]), constants: [0, 1, 2], equals: [int64s([10, 8, 6])])
    range.expect(scalars([10, 4, 2]), constants: [0, 1, 2], equals: [int64s([])])
    range.expect(
      [Tensor(scalar: 0 as Float), Tensor(scalar: 1 as Float), Tensor(scalar: 0.25 as Float)], constants: [0, 1, 2],
      equals: [Tensor([0, 0.25, 0.5, 0.75] as [Float])])
    range.expectRefusal(scalars([0, 4, 0]), constants: [0, 1, 2])
    range.expectRefusal(scalars([Int.min, Int.max, 1]), constants: [0, 1, 2])
  }

  @Test func castsConvert() {
    func cast(_ x: Tensor, to y: Tensor, _ attributes: [String: Attribute] = [:]) {
      OperatorRunner("Cast", version: 19, attributes: attributes.merging(["to": .int(Int(y.dataType.rawValue))]) { $1 })
        .expect([x], equals: [y], "\(x.dataType) to \(y.dataType)")
      OperatorRunner("CastLike", version: 19, attributes: attributes).expect([x, y], equals: [y])
    }
    cast(Tensor([1.9, -1.9, 3e9, -3e9, .nan] as [Float]), to: Tensor([1, -1, .max, .min, 0] as [Int32]))
    cast(Tensor([1.9, 300, -5] as [Float]), to: Tensor([1, 255, 0] as [UInt8]))
    cast(int64s([300, -1, Int.max]), to: Tensor([44, 255, 255] as [UInt8]))
    cast(int64s([16_777_217, -3]), to: Tensor([16_777_216, -3] as [Float]))
    cast(Tensor([UInt64.max, 1]), to: Tensor([0x1p64, 1] as [Float]))
    cast(Tensor([0, -2, .nan] as [Float]), to: Tensor([false, true, true]))
    cast(Tensor([true, false]), to: Tensor([1, 0] as [Float]))
    cast(Tensor([true, false]), to: int64s([1, 0]))
    cast(
      Tensor([1, 65520, 0x1p-24, 0x1p-25, -0.0] as [Float]),
      to: reinterpreted([0x3C00, 0x7C00, 1, 0, 0x8000], .float16))
    cast(reinterpreted([0x3C00, 0xFC00, 1], .float16), to: Tensor([1, -.infinity, 0x1p-24] as [Float]))
    cast(
      Tensor([1, 3.4e38, 1.00390625, 1.01171875] as [Float]),
      to: reinterpreted([0x3F80, 0x7F80, 0x3F80, 0x3F82], .bfloat16))
    cast(Tensor([1.5, -2] as [Double]), to: Tensor([1.5, -2] as [Float]))
    func bytes(_ codes: [UInt8], _ type: DataType) -> Tensor {
      let raw = Tensor(codes)
      return Tensor(type, raw.shape, buffer: raw.buffer)
    }
    let numbers = Tensor([1, 448, 500, -.infinity, .nan] as [Float])
    cast(numbers, to: bytes([0x38, 0x7E, 0x7E, 0xFE, 0x7F], .float8e4m3fn))
    cast(numbers, to: bytes([0x38, 0x7E, 0x7F, 0xFF, 0x7F], .float8e4m3fn), ["saturate": .int(0)])
    cast(numbers, to: bytes([0x3C, 0x5F, 0x60, 0xFB, 0x7E], .float8e5m2))
    cast(numbers, to: bytes([0x40, 0x7F, 0x7F, 0xFF, 0x80], .float8e4m3fnuz))
    OperatorRunner("Cast", version: 19, attributes: ["to": .int(99)]).expectRefusal([numbers])
  }

  @Test func everyHalfWidensAndComesBack() throws {
    let codes = (0...UInt16.max).map { $0 }
    let halves = reinterpreted(codes, .float16)
    let wide = try OperatorRunner("Cast", version: 19, attributes: ["to": .int(1)]).run([halves])[0].elements(
      as: Float.self)
    for (code, value) in zip(codes, wide) {
      let (exponent, mantissa) = (Int(code >> 10) & 31, Double(code & 1023))
      let sign = code >> 15 == 0 ? 1.0 : -1.0
      switch exponent {
      case 31: #expect(mantissa == 0 ? Double(value) == sign * .infinity : value.isNaN, "\(code)")
      case 0: #expect(Double(value) == sign * mantissa * 0x1p-24, "\(code)")
      default:
        let power = Double(sign: .plus, exponent: exponent - 25, significand: 1)
        #expect(Double(value) == sign * (1024 + mantissa) * power, "\(code)")
      }
      guard !value.isNaN else { continue }
      #expect(NarrowFloat.float16.encode(Double(value)) == code)
      #expect(NarrowFloat.float16.decode(code) == Double(value))
    }
  }

  @Test func patternsOfOnes() {
    OperatorRunner("OneHot", version: 11).expect(
      [int64s([1, -1, 5]), Tensor(scalar: 3 as Int64), Tensor([0, 1] as [Float])], constants: [1],
      equals: [Tensor([0, 1, 0, 0, 0, 1, 0, 0, 0] as [Float], shape: [3, 3])])
    OperatorRunner("OneHot", version: 11, attributes: ["axis": .int(0)]).expect(
      [Tensor([0, 2] as [Float]), Tensor([3] as [Float]), int64s([7, 8])], constants: [1],
      equals: [int64s([8, 7, 7, 7, 7, 8], shape: [3, 2])])
    OperatorRunner("EyeLike", version: 9, attributes: ["k": .int(1), "dtype": .int(7)]).expect(
      [numbered([2, 3])], equals: [int64s([0, 1, 0, 0, 0, 1], shape: [2, 3])])
    OperatorRunner("EyeLike", version: 9, attributes: ["k": .int(.max)]).expect(
      [numbered([2, 3])], equals: [made([2, 3]) { _ in 0 }])
    for (diagonal, upper) in [(0, 1), (1, 1), (-2, 1), (0, 0), (1, 0), (-1, 0), (99, 0), (Int.min, 1), (Int.max, 1)] {
      let expected = made([2, 4, 5]) { index in
        let isAbove = diagonal == .min ? true : index[2] - index[1] >= min(diagonal, 100)
        let isBelow = diagonal == .max ? true : index[2] - index[1] <= max(diagonal, -100)
        return (upper == 1 ? isAbove : isBelow) ? position(of: index, in: [2, 4, 5]) : 0
      }
      OperatorRunner("Trilu", version: 14, attributes: ["upper": .int(upper)]).expect(
        [numbered([2, 4, 5]), Tensor(scalar: Int64(diagonal))], equals: [expected], "\(diagonal), upper \(upper)")
    }
  }

  @Test func dropoutKeepsEverything() {
    let x = numbered([2, 3])
    OperatorRunner("Dropout", version: 13).expect([x], equals: [x])
    OperatorRunner("Dropout", version: 13, outputs: [true, true])
      .expect([x], equals: [x, Tensor([Bool](repeating: true, count: 6), shape: [2, 3])])
    OperatorRunner("Dropout", version: 7, outputs: [true, true]).expect([x], equals: [x, made([2, 3]) { _ in 1 }])
    for constants in [[], [1, 2]] as [Set<Int>] {
      OperatorRunner("Dropout", version: 13).expect(
        [x, Tensor(scalar: 0 as Float), Tensor(scalar: true)], constants: constants, equals: [x])
    }
  }

  @Test func middlesAndChosenSlices() {
    let x = numbered([1, 4, 5])
    OperatorRunner("CenterCropPad", version: 18, attributes: ["axes": ints([-1, 1])]).expect(
      [x, int64s([2, 7])], constants: [1],
      equals: [made([1, 7, 2]) { (1...4).contains($0[1]) ? 5 * ($0[1] - 1) + $0[2] + 1 : 0 }])
    OperatorRunner("CenterCropPad", version: 18).expectRefusal([x, int64s([2])], constants: [1])
    let chosen = Tensor([false, true, true, false, true])
    OperatorRunner("Compress", version: 11, attributes: ["axis": .int(2)]).expect(
      [x, chosen], constants: [1], equals: [made([1, 4, 3]) { 5 * $0[1] + [1, 2, 4][$0[2]] }])
    OperatorRunner("Compress", version: 11).expect(
      [x, chosen], constants: [1], equals: [Tensor([1, 2, 4] as [Float])])
    OperatorRunner("Compress", version: 11, attributes: ["axis": .int(1)]).expectRefusal([x, chosen], constants: [1])
    OperatorRunner("BitCast", version: 26, attributes: ["to": .int(6)])
      .expect([Tensor([1, -2] as [Float])], equals: [Tensor([0x3F80_0000, -0x4000_0000] as [Int32])])
    OperatorRunner("BitCast", version: 26, attributes: ["to": .int(7)]).expectRefusal([x])
  }

  @Test func theFirstReshapeHasAnAttribute() {
    OperatorRunner("Reshape", version: 1, attributes: ["shape": .ints([0, -1])])
      .expect([numbered([2, 3, 2])], equals: [numbered([2, 6])])
    OperatorRunner("Reshape", version: 1).expect([numbered([1])], equals: [numbered([])])
    OperatorRunner("Reshape", version: 1, attributes: ["shape": .ints([5])]).expectRefusal([numbered([2, 3])])
  }
}
