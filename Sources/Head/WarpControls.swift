import Glibc

/// What the warp renderer is told for each frame: articulators, then blink, brow, yaw and pitch.
///
/// Frames are asked for in order.
struct WarpControls {
  private let manifest: WarpManifest
  private let hop: Int
  private let tracks: SpeechTracks
  private let yaw: [Oscillator]
  private let pitch: [Oscillator]
  private var blinks: Blinks

  private struct Oscillator {
    var swing: WarpManifest.Swing
    var phase: Double
    func value(at time: Double) -> Double { swing.amplitude * sin(swing.frequency * time + phase) }
  }

  /// How many numbers a frame's control has.
  var count: Int { manifest.articulators.count + 4 }

  init(manifest: WarpManifest, hop: Int, tracks: SpeechTracks, seed: UInt64) {
    self.manifest = manifest
    self.hop = hop
    self.tracks = tracks
    var random = SplitMix64(seed: seed)
    yaw = manifest.yaw.map { Oscillator(swing: $0, phase: random.uniform(0, 2 * .pi)) }
    pitch = manifest.pitch.map { Oscillator(swing: $0, phase: random.uniform(0, 2 * .pi)) }
    blinks = Blinks(manifest.blink, random: random)
  }

  /// Writes the control at `time`, in seconds; times only grow from call to call.
  mutating func write(at time: Double, into control: UnsafeMutableBufferPointer<Float>) throws(HeadError) {
    let position = ((time + manifest.lead) * 80 - Double(hop - 1) / 2) / Double(hop)
    let reach = Double(manifest.brow.window - 1) / 2
    tracks.forget(before: position - reach - 2)

    let articulators = manifest.articulators.count
    try tracks.read(at: position, into: UnsafeMutableBufferPointer(rebasing: control[..<articulators]))
    for index in 0..<articulators {
      var value = scaled(Double(control[index]), index)
      if index == manifest.closeIndex {
        value = min(max((value - manifest.close.from) / manifest.close.span, 0), 1)
      }
      control[index] = value < manifest.dead ? 0 : Float(value)
    }

    var jaw = 0.0
    for step in 0..<manifest.brow.window {
      let value = try tracks.value(of: manifest.jawIndex, at: position - reach + Double(step))
      jaw += scaled(value, manifest.jawIndex)
    }
    let brow = manifest.brow.scale * jaw / Double(manifest.brow.window)
    control[articulators] = Float(blinks.value(at: time))
    control[articulators + 1] = Float(min(max(brow, 0), manifest.brow.limit))
    control[articulators + 2] = Float(yaw.reduce(0) { $0 + $1.value(at: time) })
    control[articulators + 3] = Float(pitch.reduce(0) { $0 + $1.value(at: time) })
  }

  private func scaled(_ value: Double, _ articulator: Int) -> Double {
    min(max(value * manifest.gain[articulator], 0), manifest.limit)
  }
}

/// Seeded blinks: when they start, and how closed the eyes are.
struct Blinks {
  private let manifest: WarpManifest.Blink
  private var random: SplitMix64
  /// Starts that may still matter, in order; the last lies in the future.
  private var starts: [Double]

  init(_ manifest: WarpManifest.Blink, random: SplitMix64) {
    self.manifest = manifest
    self.random = random
    starts = [self.random.uniform(in: manifest.first)]
  }

  /// How closed the eyes are at `time`, 0 … 1; times only grow from call to call.
  mutating func value(at time: Double) -> Double {
    while let last = starts.last, last <= time { starts.append(last + random.uniform(in: manifest.every)) }
    let length = manifest.down + manifest.hold + manifest.up
    while starts.count > 1, starts[0] + length < time { starts.removeFirst() }
    var closed = 0.0
    for start in starts where start <= time {
      let since = time - start
      closed = max(closed, min(since / manifest.down, (length - since) / manifest.up, 1))
    }
    return max(closed, 0)
  }
}
