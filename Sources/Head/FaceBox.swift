/// Where a face is in a picture, in whole pixels: `left ..< right`, `top ..< bottom`.
struct FaceBox: Hashable, Sendable {
  var top, bottom, left, right: Int

  var width: Int { right - left }
  var height: Int { bottom - top }

  /// The boxes of successive pictures, widened and averaged as Wav2Lip does it: each is the mean of itself and the
  /// boxes after it, the last ones of the last `smooth`.
  static func smoothed(
    _ boxes: [(top: Double, bottom: Double, left: Double, right: Double)], pads: [Double], smooth: Int, width: Int,
    height: Int
  ) -> [FaceBox] {
    let padded = boxes.map { box in
      [
        max(0, box.top - pads[0]), min(Double(height), box.bottom + pads[1]), max(0, box.left - pads[2]),
        min(Double(width), box.right + pads[3]),
      ]
    }
    let length = min(smooth, padded.count)
    return padded.indices.map { index in
      let first = min(index, padded.count - length)
      let mean = (0..<4).map { side in
        padded[first..<first + length].reduce(0) { $0 + $1[side] } / Double(length)
      }
      return FaceBox(
        top: Int(mean[0]), bottom: Int(mean[1]), left: Int(mean[2]), right: Int(mean[3]))
    }
  }
}
