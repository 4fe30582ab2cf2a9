import Glibc

/// An exact audio front end: how samples become log-mel columns. Heads name the one they were trained on.
public struct MelProfile: Hashable, Sendable {
  public let name: String
  /// Samples a second that the front end expects.
  public let sampleRate: Int
  /// Samples under one window; half of it is padded, by reflection, on either side of the sound.
  public let windowLength: Int
  /// Samples from one column to the next.
  public let hop: Int
  /// Values in a column.
  public let bandCount: Int
  /// Hz at which the lowest band begins and the highest ends.
  public let lowest, highest: Double
  /// y[n] = x[n] − preEmphasis · x[n − 1], y[0] = x[0]
  public let preEmphasis: Double
  /// A value is clip(slope · 20·log10(max(floor, magnitude)) + offset, range).
  public let floor, slope, offset: Double
  public let range: ClosedRange<Float>

  /// The front end of Wav2Lip and its kin: 16 kHz, pre-emphasis 0.97, periodic Hann 800, hop 200, magnitudes, 80 Slaney
  /// bands of 55 … 7,600 Hz, decibels −100 … 0 below a reference of 20 mapped to −4 … 4.
  public static let w2lMel = MelProfile(
    name: "w2l-mel", sampleRate: 16_000, windowLength: 800, hop: 200, bandCount: 80, lowest: 55, highest: 7_600,
    preEmphasis: 0.97, floor: 1e-5, slope: 8.0 / 100, offset: 8.0 * (100 - 20) / 100 - 4, range: -4...4)

  public static let all: [MelProfile] = [.w2lMel]

  /// The profile that manifests call `name`.
  public static func named(_ name: String) -> MelProfile? { all.first { $0.name == name } }

  public var columnsPerSecond: Double { Double(sampleRate) / Double(hop) }

  /// Columns that `sampleCount` samples make; column j is centred on sample `hop` · j.
  public func columnCount(sampleCount: Int) -> Int { 1 + sampleCount / hop }

  /// The value of silence.
  public var silence: Float { normalized(magnitude: 0) }

  func normalized(magnitude: Double) -> Float {
    // A magnitude that is not a number compares false and counts as silence.
    let audible = magnitude > floor ? magnitude : floor
    let value = Float(slope * 20 * log10(audible) + offset)
    return min(max(value, range.lowerBound), range.upperBound)
  }
}
