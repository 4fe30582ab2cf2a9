internal import CKernels
import Glibc

/// Turns samples, in pieces of any size, into the log-mel columns of a profile.
///
/// The columns are the same, bit for bit, however the sound is cut. Column j is handed on once sample
/// `hop` · j + `windowLength` / 2 is known, the last ones at `finish`. Beyond its ends the sound is continued by
/// reflection without repeating the end sample, back and forth for sounds shorter than half a window (as `numpy.pad`
/// does); a single sample is repeated, and no sample at all counts as one of silence. Nothing is allocated after `init`.
public final class MelStream {
  public let profile: MelProfile
  /// Samples are multiplied by this before anything else.
  public let gain: Double
  /// Columns handed on so far.
  public private(set) var columnCount = 0
  /// Samples taken so far.
  public private(set) var sampleCount = 0

  private let filters: MelFilters
  private let plan: OpaquePointer
  private let kernels: UnsafePointer<vz_kernels>
  private let scratch: UnsafeMutableRawPointer
  private let window: UnsafeMutablePointer<Double>
  /// Pre-emphasised samples, sample n at n modulo `historyLength`.
  private let history: UnsafeMutablePointer<Double>
  private let historyLength: Int
  private let frame: UnsafeMutablePointer<Double>
  private let spectrum: UnsafeMutablePointer<Double>
  private let column: UnsafeMutableBufferPointer<Float>
  private var previous = 0.0

  public init(profile: MelProfile = .w2lMel, gain: Double = 1) {
    self.profile = profile
    self.gain = gain
    let length = profile.windowLength
    filters = MelFilters(profile)
    guard let plan = vz_fft_create_f64(length, true) else { fatalError("no memory for an audio front end") }
    self.plan = plan
    kernels = vz_kernels_default()
    scratch = .allocate(byteCount: vz_fft_scratch_bytes_f64(plan), alignment: 64)
    window = .allocate(capacity: length)
    for i in 0..<length { window[i] = 0.5 - 0.5 * cos(2 * .pi * Double(i) / Double(length)) }
    historyLength = 2 * length
    history = .allocate(capacity: historyLength)
    history.initialize(repeating: 0, count: historyLength)
    frame = .allocate(capacity: length)
    frame.initialize(repeating: 0, count: length)
    spectrum = .allocate(capacity: length + 2)
    spectrum.initialize(repeating: 0, count: length + 2)
    column = .allocate(capacity: profile.bandCount)
    column.initialize(repeating: 0)
  }

  deinit {
    vz_fft_destroy_f64(plan)
    scratch.deallocate()
    window.deallocate()
    history.deallocate()
    frame.deallocate()
    spectrum.deallocate()
    column.deallocate()
  }

  /// Takes the next samples and hands on every column that they complete. A column is valid only inside `emit`.
  public func push(_ samples: UnsafeBufferPointer<Float>, _ emit: (UnsafeBufferPointer<Float>) -> Void) {
    for sample in samples {
      let scaled = Double(sample) * gain
      history[sampleCount % historyLength] = sampleCount == 0 ? scaled : scaled - profile.preEmphasis * previous
      previous = scaled
      sampleCount += 1
      // The first window also reaches back, by reflection, to the sample at half its length.
      let needed = profile.hop * columnCount + profile.windowLength / 2 + (columnCount == 0 ? 1 : 0)
      if sampleCount >= needed { emitColumn(emit) }
    }
  }

  /// Says that no sample follows, and hands on the remaining columns: 1 + ⌊samples / hop⌋ in all. Afterwards the stream
  /// is as new.
  public func finish(_ emit: (UnsafeBufferPointer<Float>) -> Void) {
    if sampleCount == 0 {
      history[0] = 0
      sampleCount = 1
    }
    let total = profile.columnCount(sampleCount: sampleCount)
    while columnCount < total { emitColumn(emit) }
    columnCount = 0
    sampleCount = 0
    previous = 0
  }

  private func emitColumn(_ emit: (UnsafeBufferPointer<Float>) -> Void) {
    let length = profile.windowLength
    let first = profile.hop * columnCount - length / 2
    if first >= 0, first + length <= sampleCount {
      var at = first % historyLength
      for i in 0..<length {
        frame[i] = window[i] * history[at]
        at = at + 1 == historyLength ? 0 : at + 1
      }
    } else {
      for i in 0..<length { frame[i] = window[i] * history[reflected(first + i) % historyLength] }
    }
    vz_fft_real_f64(kernels, plan, frame, spectrum, scratch)
    for bin in 0...length / 2 {
      let (re, im) = (spectrum[2 * bin], spectrum[2 * bin + 1])
      spectrum[bin] = (re * re + im * im).squareRoot()
    }
    for band in 0..<profile.bandCount {
      column[band] = profile.normalized(magnitude: filters.sum(band: band, spectrum))
    }
    columnCount += 1
    emit(UnsafeBufferPointer(column))
  }

  /// The sample that stands at `index` when the sound, as far as it is known, is reflected at both ends.
  private func reflected(_ index: Int) -> Int {
    guard sampleCount > 1 else { return 0 }
    let period = 2 * (sampleCount - 1)
    let folded = ((index % period) + period) % period
    return folded < sampleCount ? folded : period - folded
  }
}
