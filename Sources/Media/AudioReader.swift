internal import CMedia
import Glibc

/// Reads any sound that libsndfile decodes (WAV, FLAC, Ogg, MP3, AIFF, …) as a mono stream of a chosen rate.
///
/// Channels are averaged. Output sample k is the sound at `start` + k / `sampleRate` seconds exactly: the resampler's
/// delay is compensated. Samples that are not finite become 0; others are passed on as they are, also beyond ±1. Memory
/// does not depend on the length. One reader serves one thread at a time.
public final class AudioReader {
  public static let sampleRates = 1_000...768_000
  public static let channelCounts = 1...64

  public let name: String
  /// Of what `read` returns.
  public let sampleRate: Int
  public let sourceSampleRate, channelCount: Int
  /// How many samples `read` returns in all: ⌈frames × rate / source rate⌉ for the `frames` of the source between start
  /// and end. nil when the source does not say.
  public let sampleCount: Int?
  /// Whether `rewind` works: true for files, false for pipes.
  public var isSeekable: Bool { source.isSeekable }

  private let source: SoundFile
  private let resampler: (any Resampler)?
  private let firstFrame: Int
  /// Frames to read at most; `Int.max` up to the end.
  private let frameLimit: Int
  private let expectedFrameCount: Int?

  /// Decoded, not yet resampled.
  private let pending: UnsafeMutableBufferPointer<Float>
  private var pendingRange = 0..<0
  private var framesRead = 0
  private var samplesDelivered = 0
  /// Known once the source has ended.
  private var samplesInAll: Int?

  /// - Parameters:
  ///   - start: seconds to skip, to the nearest frame of the file.
  ///   - duration: seconds to read at most, to the nearest frame of the file; nil reads to the end.
  public convenience init(
    path: String, sampleRate: Int = 16_000, start: Double = 0, duration: Double? = nil
  ) throws(MediaError) {
    try self.init(
      Descriptor.open(regularFile: path), name: path, sampleRate: sampleRate, start: start, duration: duration)
  }

  /// Reads from an open descriptor, which stays the caller's. From a pipe only formats work that need no seeking (WAV,
  /// AU and raw-headed kin); such a reader cannot `rewind` and does not know its `sampleCount`.
  public convenience init(
    descriptor: Int32, name: String = "standard input", sampleRate: Int = 16_000, start: Double = 0,
    duration: Double? = nil
  ) throws(MediaError) {
    try self.init(
      Descriptor(borrowing: descriptor), name: name, sampleRate: sampleRate, start: start, duration: duration)
  }

  private init(
    _ descriptor: borrowing Descriptor, name: String, sampleRate: Int, start: Double, duration: Double?
  ) throws(MediaError) {
    func refuse(_ reason: String) -> MediaError { MediaError(path: name, problem: .invalidRequest(reason)) }
    guard Self.sampleRates.contains(sampleRate) else { throw refuse("cannot be read at \(sampleRate) samples a second") }
    guard start >= 0, start <= 1e9 else { throw refuse("cannot start at \(start) s") }
    guard (duration ?? 0) >= 0, (duration ?? 0) <= 1e9 else { throw refuse("cannot last \(duration ?? 0) s") }

    source = try SoundFile(descriptor, name: name)
    self.name = name
    self.sampleRate = sampleRate
    sourceSampleRate = source.sampleRate
    channelCount = source.channelCount
    let rate = Double(source.sampleRate)
    firstFrame = Int((start * rate).rounded())
    frameLimit = duration.map { Int(($0 * rate).rounded()) } ?? Int.max
    if let frameCount = source.frameCount {
      guard firstFrame < frameCount || firstFrame == 0 else {
        throw MediaError(path: name, problem: .startsAfterEnd(start: start, seconds: Double(frameCount) / rate))
      }
      expectedFrameCount = min(frameLimit, frameCount - firstFrame)
    } else {
      expectedFrameCount = nil
    }
    sampleCount = expectedFrameCount.map { [source] in
      Self.sampleCount(frameCount: $0, from: source.sampleRate, to: sampleRate)
    }
    resampler =
      source.sampleRate == sampleRate ? nil : try makeResampler(inputRate: source.sampleRate, outputRate: sampleRate)
    pending = .allocate(capacity: SoundFile.blockFrameCount)
    pending.initialize(repeating: 0)
    try skipToStart()
  }

  deinit { pending.deallocate() }

  /// ⌈frameCount × to / from⌉
  static func sampleCount(frameCount: Int, from: Int, to: Int) -> Int {
    let (whole, rest) = frameCount.quotientAndRemainder(dividingBy: from)
    return whole * to + (rest * to + from - 1) / from
  }

  /// Fills `samples`, short only at the end of the sound; returns how many, 0 after the end.
  ///
  /// A file that holds less than it says is `.truncated`, thrown when its end is met.
  public func read(into samples: UnsafeMutableBufferPointer<Float>) throws(MediaError) -> Int {
    var filled = 0
    while filled < samples.count {
      let room = UnsafeMutableBufferPointer(rebasing: samples[filled...])
      let got = try readSome(into: room)
      guard got > 0 else { break }
      filled += got
    }
    return filled
  }

  /// Starts again, as if newly opened.
  public func rewind() throws(MediaError) {
    guard isSeekable else { throw MediaError(path: name, problem: .notSeekable) }
    try source.seek(frame: firstFrame)
    resampler?.reset()
    pendingRange = 0..<0
    framesRead = 0
    samplesDelivered = 0
    samplesInAll = nil
  }

  private func skipToStart() throws(MediaError) {
    guard firstFrame > 0 else { return }
    if isSeekable { return try source.seek(frame: firstFrame) }
    var left = firstFrame
    while left > 0 {
      let got = source.read(into: UnsafeMutableBufferPointer(rebasing: pending[..<min(left, pending.count)]))
      guard got > 0 else { return }
      left -= got
    }
  }

  /// At least one sample, unless the sound is over.
  private func readSome(into samples: UnsafeMutableBufferPointer<Float>) throws(MediaError) -> Int {
    while true {
      if pendingRange.isEmpty { try refill() }
      let wanted = samplesInAll.map { min(samples.count, $0 - samplesDelivered) } ?? samples.count
      guard wanted > 0 else { return 0 }
      let input = UnsafeBufferPointer(rebasing: pending[pendingRange])
      let output = UnsafeMutableBufferPointer(rebasing: samples[..<wanted])
      let (consumed, produced) = move(input, output)
      pendingRange = pendingRange.lowerBound + consumed..<pendingRange.upperBound
      samplesDelivered += produced
      if produced > 0 { return produced }
    }
  }

  private func move(
    _ input: UnsafeBufferPointer<Float>, _ output: UnsafeMutableBufferPointer<Float>
  ) -> (consumed: Int, produced: Int) {
    guard let resampler else {
      let count = min(input.count, output.count)
      output.baseAddress!.update(from: input.baseAddress!, count: count)
      return (count, count)
    }
    let (consumed, produced) = resampler.process(input, into: output)
    // A wild but finite file may overflow inside the filter.
    for i in 0..<produced where !output[i].isFinite { output[i] = 0 }
    return (consumed, produced)
  }

  /// The next frames of the source; after its end zeros, which push the last samples out of the resampler.
  private func refill() throws(MediaError) {
    if samplesInAll == nil {
      let wanted = min(pending.count, frameLimit - framesRead)
      let got = source.read(into: UnsafeMutableBufferPointer(rebasing: pending[..<wanted]))
      framesRead += got
      pendingRange = 0..<got
      if got < wanted || framesRead == frameLimit { try end() }
      if got > 0 { return }
    }
    pending.update(repeating: 0)
    pendingRange = 0..<pending.count
  }

  private func end() throws(MediaError) {
    if let expectedFrameCount, framesRead < expectedFrameCount {
      throw MediaError(path: name, problem: source.decodingProblem.map { .corrupt($0) } ?? .truncated)
    }
    samplesInAll = Self.sampleCount(frameCount: framesRead, from: sourceSampleRate, to: sampleRate)
  }
}
