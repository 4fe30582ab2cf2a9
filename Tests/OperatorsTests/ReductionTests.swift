import GraphIR
import Operators
import Tensors
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

@Suite struct ReductionTests {
  static let formulas: [(String, @Sendable ([Double]) -> Double)] = [
    ("ReduceSum", { $0.reduce(0, +) }), ("ReduceMean", { $0.reduce(0, +) / Double($0.count) }),
    ("ReduceMax", { $0.max() ?? -.infinity }), ("ReduceMin", { $0.min() ?? .infinity }),
    ("ReduceProd", { $0.reduce(1, *) }),
    ("ReduceL1", { $0.reduce(0) { $0 + abs($1) } }), ("ReduceL2", { $0.reduce(0) { $0 + $1 * $1 }.squareRoot() }),
    ("ReduceSumSquare", { $0.reduce(0) { $0 + $1 * $1 } }), ("ReduceLogSum", { log($0.reduce(0, +)) }),
    ("ReduceLogSumExp", { log($0.reduce(0) { $0 + exp($1) }) }),
  ]

  /// The reduction of `x` over `axes`, element by element.
  private func reduced(_ x: Tensor, _ axes: [Int], keeps: Bool, _ formula: ([Double]) -> Double) -> Expected {
    let shape = x.shape
    let kept = Shape(shape.dims.indices.map { axes.contains($0) ? 1 : shape[$0] })
    var groups = [[Double]](repeating: [], count: kept.count)
    for (index, value) in zip(indices(of: shape), x.doubles!) {
      groups[position(of: index.indices.map { axes.contains($0) ? 0 : index[$0] }, in: kept)].append(value)
    }
    let dims = keeps ? kept.dims : shape.dims.indices.filter { !axes.contains($0) }.map { shape[$0] }
    return Expected(Shape(dims), groups.map(formula))
  }

  @Test func reductionsOverAnyAxes() {
    for (number, (name, formula)) in Self.formulas.enumerated() {
      var random = RandomSource(seed: number)
      for shape in [[2, 3, 4, 5], [7], [3, 1, 6], [], [1, 40, 8, 8], [2, 0, 3]] as [Shape] {
        let x = random.tensor(shape, in: 0.25...1.5)
        for round in 0..<2 {
          let axes = round == 0 && shape.rank == 4 ? [2, 3] : (0..<shape.rank).filter { _ in random.bool() }
          let keeps = random.bool()
          let effective = axes.isEmpty ? Array(0..<shape.rank) : axes
          let expected = reduced(x, effective, keeps: keeps, formula)
          let named = axes.map { random.bool() ? $0 : $0 - shape.rank }
          let comment = "seed \(number), \(shape) over \(axes)"
          OperatorRunner(name, version: 18, attributes: ["keepdims": .int(keeps ? 1 : 0)])
            .expect([x, int64s(named)], constants: [1], gives: [expected], relative: 1e-5, comment)
          guard name != "ReduceSum", !axes.isEmpty else { continue }
          OperatorRunner(name, version: 13, attributes: ["keepdims": .int(keeps ? 1 : 0), "axes": .ints(named)])
            .expect([x], gives: [expected], relative: 1e-5, comment)
        }
      }
    }
  }

  @Test func withoutAxesAllOrNothing() {
    let x = Tensor([1, 2, 3, 4] as [Float], shape: [2, 2])
    OperatorRunner("ReduceSum", version: 13).expect([x], equals: [Tensor([10] as [Float], shape: [1, 1])])
    OperatorRunner("ReduceSum", version: 13, attributes: ["noop_with_empty_axes": .int(1)]).expect([x], equals: [x])
    OperatorRunner("ReduceSumSquare", version: 18, attributes: ["noop_with_empty_axes": .int(1)])
      .expect([x, int64s([])], constants: [1], equals: [Tensor([1, 4, 9, 16] as [Float], shape: [2, 2])])
    OperatorRunner("ReduceSum", version: 13).expectRefusal([x, int64s([2])], constants: [1])
    OperatorRunner("ReduceSum", version: 13).expectRefusal([x, int64s([0, -2])], constants: [1])
  }

  @Test func integersReduceExactly() {
    let x = int64s([Int.max, 1, -5, 7], shape: [2, 2])
    let axes = int64s([1])
    func reduce(_ name: String, _ values: [Int]) {
      OperatorRunner(name, version: 18, attributes: ["keepdims": .int(0)])
        .expect([x, axes], constants: [1], equals: [int64s(values)], name)
    }
    reduce("ReduceSum", [Int.min, 2])
    reduce("ReduceMax", [Int.max, 7])
    reduce("ReduceMin", [1, -5])
    reduce("ReduceProd", [Int.max, -35])
    reduce("ReduceMean", [Int.min / 2, 1])
    reduce("ReduceL1", [Int.min, 12])
    let flags = Tensor([true, false, true, true], shape: [2, 2])
    OperatorRunner("ReduceMin", version: 20, attributes: ["keepdims": .int(0)])
      .expect([flags, axes], constants: [1], equals: [Tensor([false, true])])
    let halves = reinterpreted([0x3C00, 0x1000, 0x1000, 0x1000], .float16)
    OperatorRunner("ReduceSum", version: 13).expect([halves], equals: [reinterpreted([0x3C02], .float16)])
  }

  @Test func placesOfExtremes() {
    var random = RandomSource(seed: 2)
    for type in ["float", "int64"] {
      for axis in -3..<3 {
        let shape: Shape = [3, 4, 5]
        let resolved = axis < 0 ? axis + 3 : axis
        let whole = (0..<shape.count).map { _ in random.int(-3...3) }
        let x = type == "float" ? Tensor(whole.map { Float($0) }, shape: shape) : int64s(whole, shape: shape)
        for (name, last) in [("ArgMax", 0), ("ArgMax", 1), ("ArgMin", 0), ("ArgMin", 1)] {
          var dims = shape
          dims.dims[resolved] = 1
          let places = indices(of: dims).map { index -> Int in
            let row = (0..<shape[resolved]).map { k -> Int in
              var full = index
              full[resolved] = k
              return whole[position(of: full, in: shape)]
            }
            let best = name == "ArgMax" ? row.max()! : row.min()!
            return last == 1 ? row.lastIndex(of: best)! : row.firstIndex(of: best)!
          }
          OperatorRunner(name, version: 13, attributes: ["axis": .int(axis), "select_last_index": .int(last)])
            .expect([x], equals: [int64s(places, shape: dims)], "axis \(axis)")
        }
      }
    }
    OperatorRunner("ArgMax", version: 13, attributes: ["keepdims": .int(0)]).expect(
      [Tensor([1, .nan, 3] as [Float])], equals: [Tensor(scalar: 1 as Int64)])
    OperatorRunner("ArgMax", version: 13, attributes: ["axis": .int(2)]).expectRefusal([numbered([2, 2])])
    OperatorRunner("ArgMax", version: 13).expectRefusal([numbered([0, 2])])
  }

  @Test func topElementsInOrder() {
    var random = RandomSource(seed: 6)
    for round in 0..<20 {
      let shape: Shape = [random.int(1...3), random.int(1...20), random.int(1...3)]
      let count = random.int(0...shape[1])
      let largest = random.bool()
      let whole = (0..<shape.count).map { _ in random.int(-5...5) }
      let target: Shape = [shape[0], count, shape[2]]
      var (values, places) = ([Int](), [Int]())
      for index in indices(of: target) {
        let row = (0..<shape[1]).map { whole[position(of: [index[0], $0, index[2]], in: shape)] }
        let order = row.indices.sorted {
          (largest ? row[$0] > row[$1] : row[$0] < row[$1]) || (row[$0] == row[$1] && $0 < $1)
        }
        values.append(row[order[index[1]]])
        places.append(order[index[1]])
      }
      let attributes: [String: Attribute] = ["axis": .int(1), "largest": .int(largest ? 1 : 0)]
      OperatorRunner("TopK", version: 11, attributes: attributes, outputs: [true, true]).expect(
        [Tensor(whole.map { Float($0) }, shape: shape), int64s([count])], constants: [1],
        equals: [Tensor(values.map { Float($0) }, shape: target), int64s(places, shape: target)], "round \(round)")
      OperatorRunner("TopK", version: 11, attributes: attributes, outputs: [false, true]).expect(
        [int64s(whole, shape: shape), int64s([count])], constants: [1], equals: [int64s(places, shape: target)])
    }
    OperatorRunner("TopK", version: 1, attributes: ["k": .int(2)], outputs: [true, false])
      .expect([Tensor([1, 5, 3] as [Float])], equals: [Tensor([5, 3] as [Float])])
    OperatorRunner("TopK", version: 11, outputs: [true, true]).expectRefusal(
      [numbered([3]), int64s([4])], constants: [1])
    OperatorRunner("TopK", version: 11, outputs: [true, true]).expectRefusal(
      [numbered([3]), int64s([-1])], constants: [1])
  }

  @Test func runningSums() {
    let x = Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])
    func sums(_ axis: Int, _ exclusive: Int, _ reverse: Int, _ values: [Int]) {
      let attributes: [String: Attribute] = ["exclusive": .int(exclusive), "reverse": .int(reverse)]
      let runner = OperatorRunner("CumSum", version: 14, attributes: attributes)
      let place = Tensor(scalar: Int32(axis))
      runner.expect([x, place], constants: [1], equals: [Tensor(values.map { Float($0) }, shape: [2, 3])])
      runner.expect(
        [int64s([1, 2, 3, 4, 5, 6], shape: [2, 3]), place], constants: [1], equals: [int64s(values, shape: [2, 3])])
      let doubles = Tensor([1, 2, 3, 4, 5, 6] as [Double], shape: [2, 3])
      runner.expect([doubles, place], constants: [1], equals: [Tensor(values.map { Double($0) }, shape: [2, 3])])
    }
    sums(1, 0, 0, [1, 3, 6, 4, 9, 15])
    sums(0, 0, 0, [1, 2, 3, 5, 7, 9])
    sums(-1, 1, 0, [0, 1, 3, 0, 4, 9])
    sums(1, 0, 1, [6, 5, 3, 15, 11, 6])
    sums(1, 1, 1, [5, 3, 0, 11, 6, 0])
    OperatorRunner("CumProd", version: 26, attributes: ["reverse": .int(1)]).expect(
      [x, Tensor(scalar: 1 as Int32)], constants: [1],
      equals: [Tensor([6, 6, 3, 120, 30, 6] as [Float], shape: [2, 3])])
    OperatorRunner("CumSum", version: 14).expectRefusal([x, Tensor(scalar: 2 as Int32)], constants: [1])
  }

  @Test func hardmaxMarksTheFirstMaximum() {
    let x = Tensor([3, 0, 1, 2, 2, 5, 1, 0, 5, 3, 2, 3] as [Float], shape: [3, 4])
    OperatorRunner("Hardmax", version: 13).expect(
      [x], equals: [Tensor([1, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0] as [Float], shape: [3, 4])])
    OperatorRunner("Hardmax", version: 11, attributes: ["axis": .int(0)]).expect(
      [x], equals: [Tensor([0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0] as [Float], shape: [3, 4])])
  }
}

@Suite struct EinsumTests {
  /// The sum of products, counted out over every combination of labels.
  private func formula(_ inputs: [(String, Tensor)], _ output: String) -> Expected {
    var extents: [Character: Int] = [:]
    for (labels, tensor) in inputs { for (label, extent) in zip(labels, tensor.shape.dims) { extents[label] = extent } }
    let labels = extents.keys.sorted()
    let shape = Shape(output.map { extents[$0]! })
    var sums = [Double](repeating: 0, count: shape.count)
    let values = inputs.map { $0.1.doubles! }
    for index in indices(of: Shape(labels.map { extents[$0]! })) {
      let at = Dictionary(uniqueKeysWithValues: zip(labels, index))
      let product = inputs.indices.reduce(1.0) { product, k in
        product * values[k][position(of: inputs[k].0.map { at[$0]! }, in: inputs[k].1.shape)]
      }
      sums[position(of: output.map { at[$0]! }, in: shape)] += product
    }
    return Expected(shape, sums)
  }

  private func einsum(_ equation: String) -> OperatorRunner {
    OperatorRunner("Einsum", version: 12, attributes: ["equation": .string(Array(equation.utf8))])
  }

  @Test func sumsOfProducts() {
    var random = RandomSource(seed: 7)
    let extents: [Character: Int] = ["b": 2, "i": 3, "j": 4, "k": 5, "p": 6]
    for (terms, output) in [
      (["ij", "jk"], "ik"), (["bij", "bjk", "bkp"], "bip"), (["i", "j"], "ij"), (["ij"], "ji"), (["ij"], ""),
      (["ii"], "i"),
      (["bii"], "b"), (["bij", "bij"], "b"), (["bij", "j"], "bi"), (["ij", "kj"], "ik"),
    ] {
      let inputs = terms.map { labels in (labels, random.tensor(Shape(labels.map { extents[$0]! }))) }
      let equation = terms.joined(separator: ", ") + " -> " + output
      einsum(equation).expect(
        inputs.map(\.1), gives: [formula(inputs, output)], relative: 1e-5, absolute: 1e-5, equation)
    }
    let (x, y) = (random.tensor([2, 3, 4]), random.tensor([4, 5]))
    let product = formula([("bij", x), ("jk", y)], "bik")
    einsum("...ij,jk->...ik").expect([x, y], gives: [product], relative: 1e-5, absolute: 1e-5)
    einsum("bij,jk").expect([x, y], gives: [product], relative: 1e-5, absolute: 1e-5)
    einsum("ij,jk").expect(
      [int64s([1, 2], shape: [1, 2]), int64s([3, 4], shape: [2, 1])], equals: [int64s([11], shape: [1, 1])])
    einsum("ij,jk->iz").expectRefusal([x, y])
    einsum("ij,jk->ik").expectRefusal([random.tensor([2, 3]), random.tensor([4, 2])])
    einsum("i.j->i").expectRefusal([x])
  }
}
