import Glibc

/// Measures, in one pass over any amount of speech, the gain that brings its active samples to a given RMS.
///
/// Active are samples louder than `active` times the loudest, which is known only at the end: counts and energies are
/// kept in bins 1/256 octave wide. Only the bin that the threshold falls into is uncertain, so the gain is good to about
/// 0.1 %. `AudioReader.measureGain` is exact, for sound that can be read twice.
public struct LevelMeter: Sendable {
  public let rms, active: Double
  public private(set) var peak: Float = 0
  private var counts = [Int](repeating: 0, count: Self.binCount)
  private var energies = [Double](repeating: 0, count: Self.binCount)

  // Bins are float bit patterns without their low mantissa bits, from 2^-40 (below: bin 0) to the largest.
  private static let droppedBits = 15
  private static let firstPattern = Int((127 - 40) << 23) >> droppedBits
  private static let binCount = (Int(Float.greatestFiniteMagnitude.bitPattern) >> droppedBits) - firstPattern + 1

  /// - Parameters:
  ///   - rms: the RMS wanted, 0 < `rms`.
  ///   - active: a fraction of the loudest magnitude, 0 ≤ `active` < 1.
  public init(rms: Double, active: Double) {
    precondition(rms > 0 && active >= 0 && active < 1)
    self.rms = rms
    self.active = active
  }

  /// Takes the next samples, all finite.
  public mutating func add(_ samples: UnsafeBufferPointer<Float>) {
    var largest = peak
    counts.withUnsafeMutableBufferPointer { counts in
      energies.withUnsafeMutableBufferPointer { energies in
        for sample in samples {
          let magnitude = abs(sample)
          largest = max(largest, magnitude)
          let bin = max(0, (Int(magnitude.bitPattern) >> Self.droppedBits) - Self.firstPattern)
          counts[bin] += 1
          energies[bin] += Double(magnitude) * Double(magnitude)
        }
      }
    }
    peak = largest
  }

  /// rms / (RMS of the active samples + 1e-6)
  public var gain: Double {
    let threshold = Float(active * Double(peak))
    let edge = max(0, (Int(threshold.bitPattern) >> Self.droppedBits) - Self.firstPattern)
    var count = 0.0
    var energy = 0.0
    for bin in edge..<Self.binCount where counts[bin] > 0 {
      let share = bin == edge ? Self.shareAbove(threshold, bin: bin) : 1
      count += share * Double(counts[bin])
      energy += share * energies[bin]
    }
    return Self.gain(rms: rms, energy: energy, count: count)
  }

  /// How much of a bin lies above a value inside it, if its samples are spread evenly.
  private static func shareAbove(_ value: Float, bin: Int) -> Double {
    if bin == 0 { return value > 0 ? 0 : 1 }
    let low = Float(bitPattern: UInt32((bin + firstPattern) << droppedBits))
    let high = Float(bitPattern: UInt32((bin + firstPattern + 1) << droppedBits))
    return high.isFinite ? Double((high - value) / (high - low)) : 1
  }

  static func gain(rms: Double, energy: Double, count: Double) -> Double {
    rms / ((count > 0 ? (energy / count).squareRoot() : 0) + 1e-6)
  }
}

extension AudioReader {
  /// The gain that brings the active samples of the whole sound to `rms`: those louder than `active` times the loudest.
  /// Reads the sound twice and leaves it rewound.
  public func measureGain(rms: Double, active: Double) throws(MediaError) -> Double {
    precondition(rms > 0 && active >= 0 && active < 1)
    try rewind()
    var peak: Float = 0
    try forEachBlock { block in
      for sample in block { peak = max(peak, abs(sample)) }
    }
    try rewind()
    let threshold = active * Double(peak)
    var energy = 0.0
    var count = 0
    try forEachBlock { block in
      for sample in block where Double(abs(sample)) > threshold {
        energy += Double(sample) * Double(sample)
        count += 1
      }
    }
    try rewind()
    return LevelMeter.gain(rms: rms, energy: energy, count: Double(count))
  }

  /// Hands on what is left of the sound, piece by piece.
  public func forEachBlock(_ body: (UnsafeBufferPointer<Float>) -> Void) throws(MediaError) {
    let block = UnsafeMutableBufferPointer<Float>.allocate(capacity: 4096)
    defer { block.deallocate() }
    while true {
      let got = try read(into: block)
      guard got > 0 else { return }
      body(UnsafeBufferPointer(rebasing: block[..<got]))
    }
  }
}
