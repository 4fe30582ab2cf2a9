import Glibc

/// Triangular mel bands over the bins of a Fourier transform, each of unit area (Slaney's scale and normalisation).
struct MelFilters {
  /// Band b weighs bins `starts[b] ..< starts[b] + (weights of b).count`.
  let starts: [Int]
  private let weights: [Double]
  private let ends: [Int]

  init(_ profile: MelProfile) {
    let binWidth = Double(profile.sampleRate) / Double(profile.windowLength)
    let low = Self.mel(hertz: profile.lowest)
    let high = Self.mel(hertz: profile.highest)
    let edges = (0..<profile.bandCount + 2).map { i in
      Self.hertz(mel: low + (high - low) * Double(i) / Double(profile.bandCount + 1))
    }
    var starts: [Int] = []
    var weights: [Double] = []
    var ends: [Int] = []
    for band in 0..<profile.bandCount {
      let (left, centre, right) = (edges[band], edges[band + 1], edges[band + 2])
      let bins = (0...profile.windowLength / 2).filter { Double($0) * binWidth > left && Double($0) * binWidth < right }
      starts.append(bins.first ?? 0)
      for bin in bins {
        let hertz = Double(bin) * binWidth
        let height = min((hertz - left) / (centre - left), (right - hertz) / (right - centre))
        weights.append(height * 2 / (right - left))
      }
      ends.append(weights.count)
    }
    self.starts = starts
    self.weights = weights
    self.ends = ends
  }

  /// The weighted sum of `magnitudes` under band `band`.
  func sum(band: Int, _ magnitudes: UnsafePointer<Double>) -> Double {
    weights.withUnsafeBufferPointer { weights in
      let begin = band == 0 ? 0 : ends[band - 1]
      let bins = magnitudes + starts[band]
      var sum = 0.0
      for i in begin..<ends[band] { sum += weights[i] * bins[i - begin] }
      return sum
    }
  }

  // Linear below 1 kHz, logarithmic above.
  private static let hertzPerMel = 200.0 / 3
  private static let logStep = log(6.4) / 27

  private static func mel(hertz: Double) -> Double {
    hertz < 1000 ? hertz / hertzPerMel : 15 + log(hertz / 1000) / logStep
  }

  private static func hertz(mel: Double) -> Double {
    mel < 15 ? mel * hertzPerMel : 1000 * exp((mel - 15) * logStep)
  }
}
