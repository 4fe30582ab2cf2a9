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
}

func cosine(_ angle: Double) -> Double { cos(angle) }
func sine(_ angle: Double) -> Double { sin(angle) }
