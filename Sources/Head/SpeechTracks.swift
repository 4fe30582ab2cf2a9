import Media
import Viseme

/// Articulator tracks of speech, computed as they are needed: an hour takes the memory of a minute.
///
/// Speech → mel columns → the head's audio graph, a block of outputs at a time → gate → smoothing.
final class SpeechTracks {
  private let reader: AudioReader
  private let mel: MelStream
  private let tracks: AudioManifest.Tracks
  private let smooth: [Double]
  let invocation: Invocation
  private let melInput: UnsafeMutableBufferPointer<Float>
  private let blockOutput: UnsafeBufferPointer<Float>
  private let samples: UnsafeMutableBufferPointer<Float>
  let articulators: Int

  /// Outputs that one run of the audio graph computes.
  private static let blockLength = 32
  private static let bins = 80
  private static let silence: Float = -4

  private var columns = SlidingRows<Float>(width: SpeechTracks.bins)
  private var loud = SlidingRows<Bool>(width: 1)
  private var raw: SlidingRows<Float>
  private var gated: SlidingRows<Float>
  private var smoothed: SlidingRows<Float>
  private var scratch: [Float]
  /// Samples read so far; the length of the speech once `hasEnded`.
  private(set) var sampleCount = 0
  private(set) var hasEnded = false

  /// - Parameters:
  ///   - reader: speech at the profile's rate, at its beginning.
  ///   - gain: what samples are multiplied by first.
  ///   - articulators: how many tracks the graph must give.
  init(
    reader: AudioReader, profile: MelProfile, gain: Double, tracks: AudioManifest.Tracks, smooth: [Double], model: Model,
    pool: ThreadPool, articulators: Int, path: String
  ) throws(HeadError) {
    self.reader = reader
    self.tracks = tracks
    self.smooth = smooth
    self.articulators = articulators
    mel = MelStream(profile: profile, gain: gain)
    let length = Self.blockLength
    let width = tracks.hop * length + tracks.before + tracks.after - (tracks.hop - 1)
    let invocation = try reporting {
      try Session(model, pool: pool).invocation([tracks.input: [1, Self.bins, width]])
    }
    self.invocation = invocation
    melInput = try reporting { try invocation.input(tracks.input) }
    blockOutput = try reporting { try invocation.output(tracks.output) }
    let shape = try reporting { try invocation.outputShape(tracks.output) }
    guard shape == [1, articulators, length], melInput.count == Self.bins * width else {
      throw .bundle(
        path: path,
        problem: "for \(width) mel columns it gives the shape \(shape), where the manifest promises [1,\(articulators),\(length)]")
    }
    raw = SlidingRows(width: articulators)
    gated = SlidingRows(width: articulators)
    smoothed = SlidingRows(width: articulators)
    scratch = [Float](repeating: 0, count: articulators)
    samples = .allocate(capacity: 4096)
    samples.initialize(repeating: 0)
  }

  deinit { samples.deallocate() }

  /// How many outputs the whole speech has; known once it was read to its end.
  private var outputCount: Int? { hasEnded ? (columns.end + tracks.hop - 1) / tracks.hop : nil }

  /// Reads speech until `end` samples are known to exist, or the speech has ended.
  func read(toSample end: Int) throws(HeadError) {
    while sampleCount < end, !hasEnded { try readBlock() }
  }

  /// Writes the tracks at `position`, in outputs, linearly interpolated and held at both ends.
  func read(at position: Double, into values: UnsafeMutableBufferPointer<Float>) throws(HeadError) {
    let (low, high, part) = try bracket(position)
    for index in 0..<articulators {
      let from = smoothed[low, index], to = smoothed[high, index]
      values[index] = Float(Double(from) * (1 - part) + Double(to) * part)
    }
  }

  /// The value of one track at `position`.
  func value(of articulator: Int, at position: Double) throws(HeadError) -> Double {
    let (low, high, part) = try bracket(position)
    return Double(smoothed[low, articulator]) * (1 - part) + Double(smoothed[high, articulator]) * part
  }

  private func bracket(_ position: Double) throws(HeadError) -> (low: Int, high: Int, part: Double) {
    let wanted = max(position, 0)
    try computeSmoothed(through: Int(wanted) + 1)
    let last = smoothed.end - 1
    let clamped = min(wanted, Double(last))
    let low = min(Int(clamped), max(last - 1, 0))
    return (low, min(low + 1, last), clamped - Double(low))
  }

  /// Forgets outputs before `position`, which no later call will ask for.
  ///
  /// Every stage keeps what the next one still reads: it may be far behind `position`.
  func forget(before position: Double) {
    smoothed.forget(before: Int(max(position, 0)))
    gated.forget(before: smoothed.end - smooth.count)
    raw.forget(before: gated.end)
    let gateReach = tracks.hop * (tracks.gate?.fade ?? 0) + (tracks.gate?.hold ?? 0)
    let column = min(tracks.hop * raw.end - tracks.before, tracks.hop * gated.end - gateReach)
    columns.forget(before: column)
    loud.forget(before: column)
  }

  // MARK: The stages, each ahead of the next

  private func computeSmoothed(through wanted: Int) throws(HeadError) {
    let half = smooth.count / 2
    while smoothed.end <= wanted {
      let k = smoothed.end
      try computeGated(through: k + half)
      if let count = outputCount, k >= count { return }
      let last = gated.end - 1
      smoothed.append { row in
        for index in 0..<articulators {
          var sum = 0.0
          for (tap, weight) in smooth.enumerated() {
            sum += weight * Double(gated[min(max(k + tap - half, 0), last), index])
          }
          row[index] = Float(sum)
        }
      }
    }
  }

  private func computeGated(through wanted: Int) throws(HeadError) {
    while gated.end <= wanted {
      let k = gated.end
      try computeRaw(through: k)
      if let count = outputCount, k >= count { return }
      let gate = try self.gate(at: k)
      gated.append { row in for index in 0..<articulators { row[index] = raw[k, index] * gate } }
    }
  }

  private func gate(at k: Int) throws(HeadError) -> Float {
    guard let gate = tracks.gate else { return 1 }
    let before = (gate.fade - 1) / 2
    try readColumns(through: tracks.hop * (k + gate.fade - 1 - before) + gate.hold)
    var open = 0
    for output in (k - before)..<(k - before + gate.fade) {
      let clamped = max(0, min(output, (outputCount ?? .max) - 1))
      let first = max(tracks.hop * clamped - gate.hold, 0)
      let last = min(tracks.hop * clamped + gate.hold, loud.end - 1)
      if first <= last, (first...last).contains(where: { loud[$0, 0] }) { open += 1 }
    }
    return Float(open) / Float(gate.fade)
  }

  private func computeRaw(through wanted: Int) throws(HeadError) {
    while raw.end <= wanted {
      if let count = outputCount, raw.end >= count { return }
      try computeBlock()
    }
  }

  /// Runs the audio graph for the next block of outputs.
  private func computeBlock() throws(HeadError) {
    let length = Self.blockLength
    let first = tracks.hop * raw.end - tracks.before
    let width = melInput.count / Self.bins
    try readColumns(through: first + width - 1)
    for column in 0..<width {
      let source = first + column
      let exists = source >= 0 && source < columns.end
      for bin in 0..<Self.bins { melInput[bin * width + column] = exists ? columns[source, bin] : Self.silence }
    }
    try reporting { try invocation.run() }
    let count = min(length, (outputCount ?? .max) - raw.end)
    for output in 0..<count {
      raw.append { row in for index in 0..<articulators { row[index] = blockOutput[index * length + output] } }
    }
  }

  private func readColumns(through wanted: Int) throws(HeadError) {
    while columns.end <= wanted, !hasEnded { try readBlock() }
  }

  private func readBlock() throws(HeadError) {
    let count = try reporting { try reader.read(into: samples) }
    if count == 0 {
      mel.finish(append)
      hasEnded = true
      return
    }
    sampleCount += count
    mel.push(UnsafeBufferPointer(start: samples.baseAddress, count: count), append)
  }

  private func append(_ column: UnsafeBufferPointer<Float>) {
    columns.append { row in for bin in 0..<Self.bins { row[bin] = column[bin] } }
    let mean = column.reduce(0, +) / Float(Self.bins)
    loud.append { row in row[0] = Double(mean) > tracks.gate?.threshold ?? -.infinity }
  }
}

/// Rows that are appended at the end and forgotten at the front, addressed by the number they were appended under.
struct SlidingRows<Element: ExpressibleByRow> {
  private let width: Int
  private var storage: [Element] = []
  private var first = 0

  init(width: Int) { self.width = width }

  /// One past the number of the newest row.
  private(set) var end = 0

  subscript(row: Int, column: Int) -> Element { storage[(row - first) * width + column] }

  mutating func append(_ fill: (UnsafeMutableBufferPointer<Element>) -> Void) {
    let start = storage.count
    storage.append(contentsOf: repeatElement(Element.blank, count: width))
    storage.withUnsafeMutableBufferPointer { fill(UnsafeMutableBufferPointer(rebasing: $0[start...])) }
    end += 1
  }

  /// Lets go of rows before `row`; the memory is taken up by later ones.
  mutating func forget(before row: Int) {
    // Moving what remains costs more than keeping some rows: wait until half is free.
    let count = min(row, end) - first
    guard count >= 256, count * width >= storage.count / 2 else { return }
    storage.removeFirst(count * width)
    first += count
  }
}

/// An element type with a value for rows that are about to be filled.
protocol ExpressibleByRow { static var blank: Self { get } }
extension Float: ExpressibleByRow { static var blank: Float { 0 } }
extension Bool: ExpressibleByRow { static var blank: Bool { false } }
