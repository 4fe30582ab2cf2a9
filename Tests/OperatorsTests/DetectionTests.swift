import GraphIR
import Operators
import Tensors
import Testing

@Suite struct DetectionTests {
  /// What a plane holds at a position, by linear interpolation; 0 where weights are.
  private func sample(_ plane: [Double], _ height: Int, _ width: Int, _ y: Double, _ x: Double) -> Double {
    guard y >= -1, y <= Double(height), x >= -1, x <= Double(width) else { return 0 }
    let (v, u) = (min(max(y, 0), Double(height - 1)), min(max(x, 0), Double(width - 1)))
    let (top, left) = (Int(v), Int(u))
    func at(_ r: Int, _ c: Int) -> Double { plane[min(r, height - 1) * width + min(c, width - 1)] }
    let (a, b) = (v - Double(top), u - Double(left))
    return (1 - a) * ((1 - b) * at(top, left) + b * at(top, left + 1))
      + a * ((1 - b) * at(top + 1, left) + b * at(top + 1, left + 1))
  }

  @Test func regionsAreAveragesOfSamples() {
    var random = RandomSource(seed: 1)
    let (height, width) = (7, 9)
    let x = random.tensor([2, 2, height, width])
    let rois: [[Double]] = [[0, 0, 8, 6], [1.5, 2.25, 6, 5], [5, 5, 14, 12], [3, 3, 3.2, 3.4]]
    let images = [0, 1, 1, 0]
    for (version, half) in [(10, false), (16, true), (22, true)] {
      for ratio in [0, 2] {
        var values: [Double] = []
        for (roi, image) in zip(rois, images) {
          let shift = half ? 0.5 : 0, scale = 0.5
          let start = (roi[1] * scale - shift, roi[0] * scale - shift)
          var size = ((roi[3] - roi[1]) * scale, (roi[2] - roi[0]) * scale)
          if !half { size = (max(size.0, 1), max(size.1, 1)) }
          let cell = (size.0 / 3, size.1 / 2)
          let grid = (ratio > 0 ? ratio : Int(cell.0.rounded(.up)), ratio > 0 ? ratio : Int(cell.1.rounded(.up)))
          for c in 0..<2 {
            let first = (image * 2 + c) * height * width, plane = Array(x.doubles![first..<(first + height * width)])
            for row in 0..<3 {
              for column in 0..<2 {
                var sum = 0.0
                for i in 0..<grid.0 {
                  for j in 0..<grid.1 {
                    sum += sample(
                      plane, height, width, start.0 + cell.0 * (Double(row) + (Double(i) + 0.5) / Double(grid.0)),
                      start.1 + cell.1 * (Double(column) + (Double(j) + 0.5) / Double(grid.1)))
                  }
                }
                values.append(sum / Double(grid.0 * grid.1))
              }
            }
          }
        }
        OperatorRunner(
          "RoiAlign", version: version,
          attributes: [
            "output_height": .int(3), "output_width": .int(2), "sampling_ratio": .int(ratio), "spatial_scale": .float(0.5),
          ]
        ).expect(
          [x, Tensor(floats: rois.flatMap { $0 }, [4, 4]), int64s(images)], gives: [Expected([4, 2, 3, 2], values)],
          "ratio \(ratio)")
      }
    }
  }

  @Test func badRegionsAreRefused() {
    let x = numbered([1, 1, 4, 4])
    for rois in [[0, 0, Float.nan, 1], [0, 0, 1e30, 1], [0, 0, .infinity, 1]] as [[Float]] {
      OperatorRunner("RoiAlign", version: 16).expectRefusal([x, Tensor(rois, shape: [1, 4]), int64s([0])])
    }
    OperatorRunner("RoiAlign", version: 16).expectRefusal([x, numbered([1, 4]), int64s([1])])
    OperatorRunner("RoiAlign", version: 16).expectRefusal([x, numbered([1, 5]), int64s([0])])
    OperatorRunner("RoiAlign", version: 16).expectRefusal([x, numbered([2, 4]), int64s([0])])
    OperatorRunner("RoiAlign", version: 16, attributes: ["mode": .string(Array("sum".utf8))])
      .expectRefusal([x, numbered([1, 4]), int64s([0])])
    OperatorRunner("MaxRoiPool", version: 1, attributes: ["pooled_shape": .ints([1, 1])])
      .expectRefusal([x, Tensor([1, 0, 0, 1, 1] as [Float], shape: [1, 5])])
    OperatorRunner("MaxRoiPool", version: 1, attributes: ["pooled_shape": .ints([0, 1])])
      .expectRefusal([x, Tensor([0, 0, 0, 1, 1] as [Float], shape: [1, 5])])
  }

  @Test func poolsTakeTheLargestPixelsOfCells() {
    // Rows 1 to 3 and columns 0 to 3 of the image, in cells of 1.5 rows and 2 columns.
    let x = numbered([1, 1, 4, 4])
    OperatorRunner("MaxRoiPool", version: 1, attributes: ["pooled_shape": .ints([2, 2])]).expect(
      [x, Tensor([0, 0, 1, 3, 3] as [Float], shape: [1, 5])],
      equals: [Tensor([9, 11, 13, 15] as [Float], shape: [1, 1, 2, 2])])
    // Outside of the image, cells are empty.
    OperatorRunner("MaxRoiPool", version: 22, attributes: ["pooled_shape": .ints([1, 2]), "spatial_scale": .float(0.5)]).expect(
      [x, Tensor([0, 4, 0, 10, 2] as [Float], shape: [1, 5])],
      equals: [Tensor([7, 0] as [Float], shape: [1, 1, 1, 2])])
  }

  private let boxes: [Float] = [
    0, 0, 1, 1, 0, 0.1, 1, 1.1, 0, -0.1, 1, 0.9, 0, 10, 1, 11, 0, 10.1, 1, 11.1, 0, 100, 1, 101,
  ]
  private let scores: [Float] = [0.9, 0.75, 0.6, 0.95, 0.5, 0.3]

  @Test func overlappingBoxesAreSuppressed() {
    let b = Tensor(boxes, shape: [1, 6, 4]), s = Tensor(scores, shape: [1, 1, 6])
    func chosen(_ limit: Int, _ overlap: Float?, _ threshold: Float?, _ rows: [Int]) {
      OperatorRunner("NonMaxSuppression", version: 11).expect(
        [b, s, int64s([limit], shape: []), overlap.map { Tensor([$0]) }, threshold.map { Tensor([$0]) }],
        equals: [int64s(rows.flatMap { [0, 0, $0] }, shape: [rows.count, 3])], "limit \(limit)")
    }
    chosen(3, 0.5, 0, [3, 0, 5])
    chosen(2, 0.5, 0, [3, 0])
    chosen(6, 0.5, 0.4, [3, 0])
    chosen(6, 1, nil, [3, 0, 1, 2, 4, 5])
    chosen(0, 0.5, 0, [])
    OperatorRunner("NonMaxSuppression", version: 10)
      .expect([b, s], equals: [Tensor([] as [Int64], shape: [0, 3])], "no limit means no boxes")
  }

  @Test func centersAndFlippedCornersAreTheSameBoxes() {
    var centers: [Float] = [], flipped: [Float] = []
    for box in stride(from: 0, to: boxes.count, by: 4).map({ Array(boxes[$0..<($0 + 4)]) }) {
      centers += [(box[1] + box[3]) / 2, (box[0] + box[2]) / 2, box[3] - box[1], box[2] - box[0]]
      flipped += [box[2], box[3], box[0], box[1]]
    }
    for (numbers, hasCenters) in [(centers, 1), (flipped, 0)] {
      OperatorRunner("NonMaxSuppression", version: 11, attributes: ["center_point_box": .int(hasCenters)]).expect(
        [Tensor(numbers, shape: [1, 6, 4]), Tensor(scores, shape: [1, 1, 6]), int64s([3], shape: []), Tensor([0.5 as Float])],
        equals: [int64s([0, 0, 3, 0, 0, 0, 0, 0, 5], shape: [3, 3])])
    }
    OperatorRunner("NonMaxSuppression", version: 11)
      .expectRefusal([Tensor(boxes, shape: [1, 6, 4]), Tensor(scores, shape: [1, 2, 3])])
  }

  @Test func everyImageAndClassForItself() {
    let b = Tensor(boxes + boxes, shape: [2, 6, 4]), s = Tensor(scores + scores.reversed() + scores + scores, shape: [2, 2, 6])
    OperatorRunner("NonMaxSuppression", version: 11).expect(
      [b, s, int64s([1], shape: []), Tensor([0.5 as Float])],
      equals: [int64s([0, 0, 3, 0, 1, 2, 1, 0, 3, 1, 1, 3], shape: [4, 3])])
  }

  @Test func deformedConvolutionsReadWhereOffsetsPoint() {
    var random = RandomSource(seed: 2)
    for (groups, offsetGroups) in [(1, 1), (2, 1), (1, 2), (2, 4)] {
      let (channels, made, height, width) = (4, 6, 5, 6)
      let x = random.tensor([2, channels, height, width]), w = random.tensor([made, channels / groups, 2, 3])
      let (rows, columns) = (3, 6)
      let offsets = random.tensor([2, offsetGroups * 12, rows, columns], in: -2...2)
      let mask = random.tensor([2, offsetGroups * 6, rows, columns]), bias = random.tensor([made])
      func at(_ n: Int, _ c: Int, _ y: Int, _ x0: Int) -> Double {
        guard 0..<height ~= y, 0..<width ~= x0 else { return 0 }
        return x.doubles![((n * channels + c) * height + y) * width + x0]
      }
      var values: [Double] = []
      for n in 0..<2 {
        for o in 0..<made {
          for row in 0..<rows {
            for column in 0..<columns {
              var sum = bias.doubles![o]
              for c in 0..<(channels / groups) {
                let channel = o / (made / groups) * (channels / groups) + c
                let og = channel / (channels / offsetGroups)
                for tap in 0..<6 {
                  func number(_ t: Tensor, _ index: Int) -> Double {
                    t.doubles![((n * t.shape[1] + index) * rows + row) * columns + column]
                  }
                  let y = Double(row * 2 - 1 + tap / 3) + number(offsets, (og * 6 + tap) * 2)
                  let u = Double(column - 1 + tap % 3) + number(offsets, (og * 6 + tap) * 2 + 1)
                  let (top, left) = (y.rounded(.down), u.rounded(.down))
                  var value = 0.0
                  for (dy, dx) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                    value += (dy == 1 ? y - top : 1 - y + top) * (dx == 1 ? u - left : 1 - u + left)
                      * at(n, channel, Int(top) + dy, Int(left) + dx)
                  }
                  sum += w.doubles![(o * (channels / groups) + c) * 6 + tap] * value * number(mask, og * 6 + tap)
                }
              }
              values.append(sum)
            }
          }
        }
      }
      OperatorRunner(
        "DeformConv", version: 19,
        attributes: [
          "group": .int(groups), "offset_group": .int(offsetGroups), "strides": .ints([2, 1]), "pads": .ints([1, 1, 1, 1]),
        ]
      ).expect(
        [x, w, offsets, bias, mask], gives: [Expected([2, made, rows, columns], values)], relative: 1e-4, absolute: 1e-5,
        "\(groups) groups, \(offsetGroups) offset groups")
    }
    OperatorRunner("DeformConv", version: 22)
      .expectRefusal([numbered([1, 2, 3, 3]), numbered([1, 2, 2, 2]), numbered([1, 4, 2, 2])])
    OperatorRunner("DeformConv", version: 22, attributes: ["group": .int(0)])
      .expectRefusal([numbered([1, 2, 3, 3]), numbered([1, 2, 2, 2]), numbered([1, 8, 2, 2])])
  }

  @Test func withoutOffsetsItIsAConvolution() {
    var random = RandomSource(seed: 3)
    for space in [[9], [5, 6], [3, 4, 5]] {
      let x = random.tensor(Shape([1, 2] + space)), w = random.tensor(Shape([3, 2] + space.map { _ in 2 }))
      let taps = 1 << space.count
      let zeros = Tensor(.float32, Shape([1, taps * space.count] + space.map { $0 - 1 }))
      do {
        let expected = try OperatorRunner("Conv", version: 11).run([x, w])[0]
        OperatorRunner("DeformConv", version: 19)
          .expect([x, w, zeros], gives: [Expected(expected.shape, expected.doubles!)])
      } catch { Issue.record("\(error)") }
    }
  }
}
