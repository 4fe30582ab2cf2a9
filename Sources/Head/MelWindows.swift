import Media

/// Windows of mel columns of a speech that is read as it is needed.
final class MelWindows {
  private let reader: AudioReader
  private let mel: MelStream
  private let width: Int
  private let bins: Int
  private var columns: SlidingRows<Float>
  private let samples: UnsafeMutableBufferPointer<Float>
  /// Samples read so far; the length of the speech once `hasEnded`.
  private(set) var sampleCount = 0
  private(set) var hasEnded = false

  init(reader: AudioReader, profile: MelProfile, gain: Double, width: Int) {
    self.reader = reader
    self.width = width
    bins = profile.bandCount
    mel = MelStream(profile: profile, gain: gain)
    columns = SlidingRows(width: bins)
    samples = .allocate(capacity: 4096)
    samples.initialize(repeating: 0)
  }

  deinit { samples.deallocate() }

  /// Reads speech until `end` samples are known to exist, or the speech has ended.
  func read(toSample end: Int) throws(HeadError) {
    while sampleCount < end, !hasEnded { try readBlock() }
  }

  /// Writes the window that starts at column `start`, `[bins, width]`; one that would run past the end is the last one
  /// there is. Starts only grow from call to call.
  func write(from start: Int, into window: UnsafeMutableBufferPointer<Float>) throws(HeadError) {
    while columns.end < start + width, !hasEnded { try readBlock() }
    let first = min(start, columns.end - width)
    for column in 0..<width {
      for bin in 0..<bins {
        window[bin * width + column] = first + column >= 0 ? columns[first + column, bin] : -4
      }
    }
    columns.forget(before: first)
  }

  private func readBlock() throws(HeadError) {
    let count = try reporting { try reader.read(into: samples) }
    let append = { (column: UnsafeBufferPointer<Float>) in
      self.columns.append { row in _ = row.update(fromContentsOf: column) }
    }
    if count == 0 {
      mel.finish(append)
      hasEnded = true
      return
    }
    sampleCount += count
    mel.push(UnsafeBufferPointer(start: samples.baseAddress, count: count), append)
  }
}
