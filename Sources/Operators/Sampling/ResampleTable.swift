import Tensors

/// Along one axis of a resize: which input elements make each output element, and with which weights.
struct ResampleTable: Sendable {
  var input: Int
  var output: Int
  /// Weights of one output element.
  var taps: Int
  /// `[output][taps]`, each inside the input.
  var indices: [Int32]
  /// `[output][taps]`; nil when every weight is 1.
  var weights: [Float]?
  /// Output elements whose position lies outside the input, where the mode fills them with a constant.
  var isOutside: [Bool]?

  /// Whether every output element is the input element of the same index.
  var isIdentity: Bool {
    guard input == output, isOutside == nil else { return false }
    for o in 0..<output {
      var sum: Float = 0
      for t in o * taps..<(o + 1) * taps {
        let weight = weights?[t] ?? 1
        guard weight == 0 || Int(indices[t]) == o else { return false }
        sum += weight
      }
      guard abs(sum - 1) < 1e-6 else { return false }
    }
    return true
  }
}

/// Where output positions lie in the input.
enum CoordinateMode: String, Hashable, Sendable {
  case halfPixel = "half_pixel"
  case halfPixelSymmetric = "half_pixel_symmetric"
  case pytorchHalfPixel = "pytorch_half_pixel"
  case alignCorners = "align_corners"
  case asymmetric = "asymmetric"
  case tfHalfPixelForNearest = "tf_half_pixel_for_nn"
  case tfCropAndResize = "tf_crop_and_resize"
}

/// How an element between input elements is chosen or mixed.
enum Interpolation: Hashable, Sendable {
  enum Rounding: String, Hashable, Sendable {
    case preferFloor = "round_prefer_floor"
    case preferCeil = "round_prefer_ceil"
    case floor = "floor"
    case ceil = "ceil"
  }
  case nearest(Rounding)
  case linear
  case cubic(a: Float)
}

/// One axis of a resize.
struct ResampledAxis: Hashable, Sendable {
  var input: Int
  var output: Int
  /// Output elements per input element, as the model says; nil when it gives the output's extent instead.
  var givenScale: Double?
  /// Begin and end of the part that `tf_crop_and_resize` reads, as fractions.
  var region: ClosedRegion = ClosedRegion(begin: 0, end: 1)

  struct ClosedRegion: Hashable, Sendable {
    var begin: Double
    var end: Double
  }

  var scale: Double { givenScale ?? Double(output) / Double(input) }

  /// The position of output element `o`, in input elements.
  func position(of o: Int, _ mode: CoordinateMode) -> Double {
    let x = Double(o), input = Double(self.input)
    let resized = givenScale.map { $0 * input } ?? Double(output)
    // With a given extent, x · in / out is exact where x / (out / in) may fall just short of an integer.
    func divided(_ value: Double) -> Double { givenScale.map { value / $0 } ?? value * input / Double(output) }
    switch mode {
    case .halfPixel: return divided(x + 0.5) - 0.5
    case .halfPixelSymmetric:
      return input / 2 * (1 - Double(output) / resized) + divided(x + 0.5) - 0.5
    case .pytorchHalfPixel: return output > 1 ? divided(x + 0.5) - 0.5 : 0
    case .alignCorners: return resized == 1 || output == 1 ? 0 : x * (input - 1) / (resized - 1)
    case .asymmetric: return divided(x)
    case .tfHalfPixelForNearest: return divided(x + 0.5)
    case .tfCropAndResize:
      let width = region.end - region.begin
      guard resized != 1, output > 1 else { return 0.5 * (region.begin + region.end) * (input - 1) }
      return region.begin * (input - 1) + x * width * (input - 1) / (resized - 1)
    }
  }
}

extension ResampleTable {
  /// - Precondition: `axis.input` ≥ 1 unless `axis.output` is 0.
  init(
    _ axis: ResampledAxis, _ mode: CoordinateMode, _ interpolation: Interpolation, antialias: Bool, excludesOutside: Bool
  ) {
    let squeeze = antialias ? min(axis.scale, 1) : 1
    // The filter covers `-reach < t < reach` around a position, wider when it squeezes.
    let reach: Int
    switch interpolation {
    case .nearest: reach = 0
    case .linear: reach = Int((1 / squeeze).rounded(.up))
    case .cubic: reach = Int((2 / squeeze).rounded(.up))
    }
    input = axis.input
    output = axis.output
    taps = max(2 * reach, 1)
    indices = []
    indices.reserveCapacity(output * taps)
    var weights: [Float] = []
    var outside = [Bool](repeating: false, count: output)
    let last = Double(input - 1)
    for o in 0..<output {
      let position = axis.position(of: o, mode)
      outside[o] = mode == .tfCropAndResize && (position < 0 || position > last)
      guard reach > 0, case let filter = Self.filter(interpolation) else {
        let nearest = Self.nearest(position, interpolation)
        indices.append(Int32(min(max(nearest, 0), last)))
        continue
      }
      let below = min(max(position, -1e9), 1e9).rounded(.down)
      let fraction = position - below
      var row: [Double] = []
      for t in (1 - reach)...reach {
        let index = below + Double(t)
        let isInside = index >= 0 && index <= last
        row.append(excludesOutside && !isInside ? 0 : filter((Double(t) - fraction) * squeeze))
        indices.append(Int32(min(max(index, 0), last)))
      }
      let sum = row.reduce(0, +)
      let divisor = (antialias || excludesOutside) && sum != 0 ? sum : 1
      weights += row.map { Float($0 / divisor) }
    }
    self.weights = reach > 0 ? weights : nil
    isOutside = outside.contains(true) ? outside : nil
  }

  /// The weight of an element at a distance from the position.
  private static func filter(_ interpolation: Interpolation) -> (Double) -> Double {
    guard case .cubic(let slope) = interpolation else { return { max(1 - abs($0), 0) } }
    let a = Double(slope)
    return { distance in
      let d = abs(distance)
      if d <= 1 { return ((a + 2) * d - (a + 3)) * d * d + 1 }
      return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0
    }
  }

  private static func nearest(_ position: Double, _ interpolation: Interpolation) -> Double {
    guard case .nearest(let rounding) = interpolation else { return position }
    switch rounding {
    case .preferFloor: return (position - 0.5).rounded(.up)
    case .preferCeil: return (position + 0.5).rounded(.down)
    case .floor: return position.rounded(.down)
    case .ceil: return position.rounded(.up)
    }
  }
}
