import GraphIR
import Operators
import Tensors
import Testing

@Suite struct SamplingGridTests {
  @Test func affineGridsMovePixels() {
    var random = RandomSource(seed: 1)
    for space in [[2, 3], [2, 3, 4], [1, 5]] {
      for aligned in [true, false] {
        let rank = space.count, theta = random.tensor([2, rank, rank + 1])
        var values: [Double] = []
        for index in indices(of: Shape([2] + space)) {
          // Coordinates count the last axis first.
          var position = (0..<rank).reversed().map { (axis: Int) -> Double in
            let (k, n) = (Double(index[axis + 1]), Double(space[axis]))
            guard aligned else { return (2 * k + 1) / n - 1 }
            return n > 1 ? 2 * k / (n - 1) - 1 : 0
          }
          position.append(1)
          for row in 0..<rank {
            let first: Int = (index[0] * rank + row) * (rank + 1)
            var sum = 0.0
            for column in 0...rank { sum += theta.doubles![first + column] * position[column] }
            values.append(sum)
          }
        }
        OperatorRunner("AffineGrid", version: 20, attributes: ["align_corners": .int(aligned ? 1 : 0)]).expect(
          [theta, int64s([2, 7] + space)], constants: [1], gives: [Expected(Shape([2] + space + [rank]), values)])
      }
    }
    let theta = numbered([1, 2, 3])
    for size in [[1, 1, 2], [1, 1, 2, 2, 2], [2, 1, 2, 2], [1, 1, -1, 2]] {
      OperatorRunner("AffineGrid", version: 20).expectRefusal([theta, int64s(size)], constants: [1], "\(size)")
    }
  }

  @Test func columnsAreAddedBackIntoImages() {
    var random = RandomSource(seed: 2)
    for (image, block, attributes) in [
      ([5, 6], [2, 3], [:]), ([5, 6], [2, 3], ["strides": .ints([2, 1]), "pads": .ints([1, 0, 0, 2])]),
      ([7, 7], [2, 2], ["dilations": .ints([2, 3])]), ([3, 4, 5], [1, 2, 2], ["strides": .ints([1, 2, 1])]),
    ] as [([Int], [Int], [String: Attribute])] {
      func list(_ name: String, _ count: Int, _ fallback: Int) -> [Int] {
        if case .ints(let values) = attributes[name] { values } else { [Int](repeating: fallback, count: count) }
      }
      let rank = image.count, strides = list("strides", rank, 1), dilations = list("dilations", rank, 1)
      let pads = list("pads", 2 * rank, 0)
      let blocks = (0..<rank).map { (axis: Int) -> Int in
        let padded: Int = image[axis] + pads[axis] + pads[axis + rank]
        let reach: Int = (block[axis] - 1) * dilations[axis] + 1
        return (padded - reach) / strides[axis] + 1
      }
      let taps = Shape(block).count, count = Shape(blocks).count
      let x = random.tensor([2, 3 * taps, count])
      let out = Shape([2, 3] + image)
      var values = [Double](repeating: 0, count: out.count)
      for (place, value) in zip(indices(of: x.shape), x.doubles!) {
        let tap = indices(of: Shape(block))[place[1] % taps], start = indices(of: Shape(blocks))[place[2]]
        let pixel = (0..<rank).map { (axis: Int) -> Int in
          let origin: Int = start[axis] * strides[axis] - pads[axis]
          return origin + tap[axis] * dilations[axis]
        }
        guard zip(pixel, image).allSatisfy({ 0..<$1 ~= $0 }) else { continue }
        values[position(of: [place[0], place[1] / taps] + pixel, in: out)] += value
      }
      OperatorRunner("Col2Im", version: 18, attributes: attributes)
        .expect([x, int64s(image), int64s(block)], constants: [1, 2], gives: [Expected(out, values)], "\(image), \(block)")
    }
    OperatorRunner("Col2Im", version: 18).expectRefusal([numbered([1, 4, 3]), int64s([3, 3]), int64s([2, 2])], constants: [1, 2])
    OperatorRunner("Col2Im", version: 18).expectRefusal([numbered([1, 5, 4]), int64s([3, 3]), int64s([2, 2])], constants: [1, 2])
    OperatorRunner("Col2Im", version: 18).expectRefusal([numbered([1, 4, 4]), int64s([3, 3]), int64s([0, 2])], constants: [1, 2])
  }
}
