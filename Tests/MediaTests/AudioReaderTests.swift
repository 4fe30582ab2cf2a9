import Foundation
import Media
import Testing

@Suite struct AudioReaderTests {
  let folder = TemporaryFolder()

  private func sine(_ hertz: Double, rate: Int, seconds: Double) -> [Float] {
    (0..<Int(Double(rate) * seconds)).map { Float(0.5 * sin(2 * .pi * hertz * Double($0) / Double(rate))) }
  }

  private func noise(_ count: Int, seed: UInt64) -> [Float] {
    var random = SplitMix(state: seed)
    return (0..<count).map { _ in Float.random(in: -1...1, using: &random) }
  }

  // MARK: Alignment and counts

  @Test(arguments: [8_000, 11_025, 22_050, 44_100, 44_101, 48_000, 96_000, 768_000])
  func sampleKIsTheSoundAtTimeKOverTheRate(rate: Int) throws {
    let path = folder.file("sine.wav", wav(sine(440, rate: rate, seconds: 1), sampleRate: rate))
    let reader = try AudioReader(path: path)
    let got = try reader.readAll()
    #expect(got.count == 16_000 && reader.sampleCount == 16_000)
    // Away from the ends, where the sound is cut off.
    let worst = (400..<15_600).map { abs(got[$0] - Float(0.5 * sin(2 * .pi * 440 * Double($0) / 16_000))) }.max()!
    #expect(worst < 2e-4)
  }

  @Test(arguments: [8_000, 11_025, 22_050, 44_100, 44_101, 48_000])
  func anImpulseStaysWhereItIs(rate: Int) throws {
    var samples = [Float](repeating: 0, count: rate)
    samples[rate / 2] = 1
    let got = try AudioReader(path: folder.file("impulse.wav", wav(samples, sampleRate: rate))).readAll()
    var (moment, mass) = (0.0, 0.0)
    for (k, value) in got.enumerated() {
      moment += Double(k) * Double(value) * Double(value)
      mass += Double(value) * Double(value)
    }
    let time = Double(rate / 2) / Double(rate) * 16_000
    #expect(abs(moment / mass - time) < 0.02, "centre at \(moment / mass), wanted \(time)")
  }

  @Test(arguments: [22_050, 44_100, 48_000])
  func whatThe16kHzRateCanHoldIsKeptAndTheRestIsGone(rate: Int) throws {
    for hertz in [20.0, 1_000, 5_000, 7_000, 7_600, 8_400, 9_000, 10_900] {
      let path = folder.file("tone.wav", wav(sine(hertz, rate: rate, seconds: 1), sampleRate: rate))
      let middle = try AudioReader(path: path).readAll()[2_000..<14_000]
      let rms = (middle.map { Double($0) * Double($0) }.reduce(0, +) / 12_000).squareRoot()
      let decibels = 20 * log10(rms / (0.5 * 0.5.squareRoot()))
      #expect(hertz <= 7_600 ? abs(decibels) < 0.05 : decibels < -80, "\(hertz) Hz: \(decibels) dB")
    }
  }

  @Test func theSameRateIsPassedOnUntouched() throws {
    let samples = noise(5_000, seed: 1)
    #expect(try AudioReader(path: folder.file("a.wav", wav(samples, sampleRate: 16_000))).readAll() == samples)
  }

  @Test func thereAreExactlyAsManySamplesAsPromised() throws {
    for rate in [8_000, 11_025, 16_000, 44_100, 48_000, 192_000] {
      for frames in [0, 1, 2, 3, 100, 1_023, 1_024, 1_025, 4_411] {
        let path = folder.file("n.wav", wav(noise(frames, seed: UInt64(frames)), sampleRate: rate))
        let reader = try AudioReader(path: path)
        let want = (frames * 16_000 + rate - 1) / rate
        #expect(try reader.sampleCount == want && reader.readAll(block: 77).count == want, "\(frames) at \(rate)")
      }
    }
  }

  @Test func theResultDoesNotDependOnTheSizeOfReads() throws {
    let path = folder.file("a.wav", wav(noise(9_000, seed: 2), sampleRate: 44_100))
    let whole = try AudioReader(path: path).readAll(block: 100_000)
    for block in [1, 7, 1_024] { #expect(try AudioReader(path: path).readAll(block: block) == whole) }
  }

  @Test(arguments: [16_000, 44_100])
  func rewindingStartsAgain(rate: Int) throws {
    let reader = try AudioReader(
      path: folder.file("a.wav", wav(noise(20_000, seed: 3), sampleRate: rate)), start: 0.05, duration: 0.3)
    let first = try reader.readAll()
    #expect(first.count == 4_800)
    try reader.rewind()
    #expect(try reader.readAll() == first)
    try reader.rewind()
    var some = [Float](repeating: 0, count: 100)
    _ = try some.withUnsafeMutableBufferPointer { try reader.read(into: $0) }
    try reader.rewind()
    #expect(try reader.readAll() == first)
  }

  // MARK: Start and duration

  @Test func startAndDurationCutTheSound() throws {
    let samples = noise(16_000, seed: 4)
    let path = folder.file("a.wav", wav(samples, sampleRate: 16_000))
    #expect(try AudioReader(path: path, start: 0.25).readAll() == Array(samples[4_000...]))
    #expect(try AudioReader(path: path, start: 0.25, duration: 0.5).readAll() == Array(samples[4_000..<12_000]))
    #expect(try AudioReader(path: path, duration: 100).readAll() == samples)
    #expect(try AudioReader(path: path, duration: 0).readAll() == [])
    #expect(expectError(naming: path) { _ = try AudioReader(path: path, start: 2) }
      == .startsAfterEnd(start: 2, seconds: 1))
    for (start, duration) in [(-1, nil), (.nan, nil), (.infinity, nil), (0, -1), (0, .nan), (1e300, nil)] as [(Double, Double?)] {
      expectError(naming: path) { _ = try AudioReader(path: path, start: start, duration: duration) }
    }
  }

  // MARK: Channels and values

  @Test func channelsAreAveraged() throws {
    let stereo: [Float] = [1, 0, 0.5, -0.5, -1, -0.5, .greatestFiniteMagnitude, .greatestFiniteMagnitude]
    let path = folder.file("s.wav", wav(stereo, sampleRate: 16_000, channels: 2))
    #expect(try AudioReader(path: path).readAll() == [0.5, 0, -0.75, .greatestFiniteMagnitude])
  }

  @Test(arguments: [16_000, 48_000])
  func samplesThatAreNoNumbersAreSilence(rate: Int) throws {
    var samples = noise(3_000, seed: 5)
    samples[10] = .nan
    samples[20] = .infinity
    samples[30] = -.infinity
    samples[40] = .greatestFiniteMagnitude
    let got = try AudioReader(path: folder.file("n.wav", wav(samples, sampleRate: rate))).readAll()
    #expect(got.allSatisfy { $0.isFinite })
    if rate == 16_000 { #expect(got[10] == 0 && got[20] == 0 && got[30] == 0 && got[11] == samples[11]) }
  }

  @Test(arguments: ["tone.mp3", "tone.ogg", "tone.flac"])
  func compressedSoundIsDecoded(name: String) throws {
    let reader = try AudioReader(path: fixture(name))
    let got = try reader.readAll()
    #expect(reader.channelCount == 2 && reader.sourceSampleRate == 44_100)
    #expect(abs(got.count - 8_000) < 900 && reader.sampleCount == got.count)
    // A tone of 440 Hz crosses zero 880 times a second.
    let middle = got[2_000..<6_000]
    let crossings = zip(middle, middle.dropFirst()).count { ($0 < 0) != ($1 < 0) }
    #expect(abs(crossings - 220) <= 2)
  }

  // MARK: Streams

  /// A descriptor from which `content` can be read, in pieces.
  private func pipe(_ content: [UInt8]) -> Int32 {
    var ends: [Int32] = [0, 0]
    #expect(Glibc.pipe(&ends) == 0)
    let (read, write) = (ends[0], ends[1])
    Thread.detachNewThread {
      // The reader may leave early.
      var broken = sigset_t()
      sigaddset(&broken, SIGPIPE)
      pthread_sigmask(SIG_BLOCK, &broken, nil)
      var at = 0
      while at < content.count {
        let sent = content.withUnsafeBytes { Glibc.write(write, $0.baseAddress! + at, min(1_000, content.count - at)) }
        if sent <= 0 { break }
        at += sent
      }
      close(write)
    }
    return read
  }

  @Test func aPipeIsReadOnce() throws {
    let samples = noise(20_000, seed: 6)
    let path = folder.file("a.wav", wav(samples, sampleRate: 44_100))
    let descriptor = pipe(wav(samples, sampleRate: 44_100))
    defer { close(descriptor) }
    let reader = try AudioReader(descriptor: descriptor, start: 0.1)
    #expect(!reader.isSeekable && reader.sampleCount == nil)
    #expect(try reader.readAll() == AudioReader(path: path, start: 0.1).readAll())
    #expect(expectError(naming: "standard input") { try reader.rewind() } == .notSeekable)
  }

  @Test func aPipeOfRubbishIsRefused() {
    let descriptor = pipe([UInt8](repeating: 7, count: 50_000))
    defer { close(descriptor) }
    expectError(naming: "standard input") { _ = try AudioReader(descriptor: descriptor) }
  }

  // MARK: Hostile files

  @Test func whatIsNotSoundIsRefused() throws {
    func problem(_ path: String) -> MediaError.Problem? { expectError(naming: path) { _ = try AudioReader(path: path) } }
    #expect(problem(folder.file("missing.wav")) == .cannotOpen(errno: ENOENT))
    #expect(problem(folder.path) == .notAFile(.folder))
    #expect(problem(folder.file("empty.wav", [])) == .empty)
    #expect(problem("/dev/zero") == .notAFile(.device))
    #expect(problem("a\0b") == .cannotOpen(errno: ENOENT))
    let fifo = folder.file("fifo")
    #expect(mkfifo(fifo, 0o600) == 0 && problem(fifo) == .notAFile(.pipe))
    guard case .notSound? = problem(folder.file("text.wav", Array("This is no sound.".utf8))) else {
      Issue.record("text was taken for sound")
      return
    }
  }

  @Test func absurdHeadersAreRefused() throws {
    for (rate, channels) in [(1, 1), (999, 1), (2_000_000_000, 1), (16_000, 65), (16_000, 1_000)] {
      let path = folder.file("a.wav", wav([Float](repeating: 0, count: 1_000), sampleRate: rate, channels: channels))
      expectError(naming: path) { _ = try AudioReader(path: path) }
    }
    let path = folder.file("a.wav", wav([0, 0], sampleRate: 16_000))
    expectError(naming: path) { _ = try AudioReader(path: path, sampleRate: 0) }
    expectError(naming: path) { _ = try AudioReader(path: path, sampleRate: .max) }
  }

  @Test func aFileThatEndsEarlyIsShorterOrAnError() throws {
    for name in ["tone.mp3", "tone.ogg", "tone.flac"] {
      let whole = bytes(of: fixture(name))
      for share in 1..<8 {
        let path = folder.file("cut-" + name, Array(whole[..<(whole.count * share / 8)]))
        do {
          let reader = try AudioReader(path: path)
          let got = try reader.readAll()
          #expect(reader.sampleCount == nil || reader.sampleCount == got.count)
        } catch let error as MediaError {
          #expect(error.path == path)
        }
      }
    }
    let whole = wav(noise(8_000, seed: 8), sampleRate: 16_000)
    let reader = try AudioReader(path: folder.file("cut.wav", Array(whole[..<16_044])))
    #expect(try reader.readAll().count == 4_000 && reader.sampleCount == 4_000)
  }

  @Test func damagedSoundNeverCrashes() throws {
    // Not MP3: its decoder writes every complaint to standard error.
    let pcm = wav(noise(2_000, seed: 9), sampleRate: 44_100, channels: 2, isFloat: false)
    let sources = [bytes(of: fixture("tone.ogg")), bytes(of: fixture("tone.flac")), pcm]
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SplitMix(state: seed)
    for round in 0..<200 {
      var file = sources[round % sources.count]
      for _ in 0..<Int.random(in: 1...20, using: &random) {
        // Half of the damage hits the header.
        let end = Bool.random(using: &random) ? min(200, file.count) : file.count
        file[Int.random(in: 0..<end, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      let path = folder.file("damaged", file)
      do {
        let reader = try AudioReader(path: path, duration: 2)
        let got = try reader.readAll()
        #expect(got.allSatisfy { $0.isFinite }, "seed \(seed) round \(round)")
      } catch let error as MediaError {
        #expect(error.path == path, "seed \(seed) round \(round)")
      }
    }
  }

  // MARK: Level

  @Test(arguments: [16_000, 44_100])
  func theGainIsThatOfTheActiveSamples(rate: Int) throws {
    for seed in 1...5 as ClosedRange<UInt64> {
      // Syllables over a faint floor, as speech is.
      let raw = noise(rate, seed: seed)
      let samples = raw.enumerated().map { i, x in
        x * (0.001 + 0.3 * max(0, sin(Float(i) / Float(rate) * 25)))
      }
      let reader = try AudioReader(path: folder.file("l.wav", wav(samples, sampleRate: rate)))
      let heard = try reader.readAll()
      let peak = heard.map(abs).max()!
      let active = heard.filter { Double(abs($0)) > 0.02 * Double(peak) }.map { Double($0) }
      let want = 0.08 / ((active.map { $0 * $0 }.reduce(0, +) / Double(active.count)).squareRoot() + 1e-6)
      let exact = try reader.measureGain(rms: 0.08, active: 0.02)
      #expect(abs(exact / want - 1) < 1e-9)
      var meter = LevelMeter(rms: 0.08, active: 0.02)
      heard.withUnsafeBufferPointer { meter.add($0) }
      #expect(abs(meter.gain / want - 1) < 1e-3 && meter.peak == peak)
      #expect(try reader.readAll() == heard)
    }
  }

  @Test func silenceHasAFiniteGain() throws {
    let reader = try AudioReader(path: folder.file("z.wav", wav([0, 0, 0], sampleRate: 16_000)))
    #expect(try abs(reader.measureGain(rms: 0.08, active: 0.02) - 80_000) < 1e-6)
    #expect(abs(LevelMeter(rms: 0.08, active: 0.02).gain - 80_000) < 1e-6)
  }
}
