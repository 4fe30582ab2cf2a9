import Glibc

/// The weights of a sampled Gaussian, from −radius to radius; their sum is 1. The radius is ⌈4σ⌉, and at least 1.
struct GaussianWeights {
  let radius: Int
  let values: [Float]

  /// - Parameter largestRadius: where the Gaussian is cut off at the latest.
  init(sigma: Double, largestRadius: Int = 4096) {
    let radius = max(1, Int(min(Double(largestRadius), (4 * sigma).rounded(.up))))
    let raw = (-radius...radius).map { exp(-0.5 * (Double($0) / sigma) * (Double($0) / sigma)) }
    let sum = raw.reduce(0, +)
    self.radius = radius
    values = raw.map { Float($0 / sum) }
  }

  /// What a picture is blurred by before it is read at `scale` < 1 of its size, or nil if nothing is to be done.
  ///
  /// A pixel stands for a spot of σ = 1/2. One of the smaller picture is 1/scale times as wide, and the blur makes up the
  /// difference: σ = 1/2 · √(1/scale² − 1). It sets in smoothly, so that a picture hardly smaller stays sharp.
  init?(shrinkingTo scale: Double, largestRadius: Int) {
    guard scale < 1 else { return nil }
    self.init(sigma: 0.5 * (1 / (scale * scale) - 1).squareRoot(), largestRadius: largestRadius)
  }
}

func cosine(_ angle: Double) -> Double { cos(angle) }
func sine(_ angle: Double) -> Double { sin(angle) }
