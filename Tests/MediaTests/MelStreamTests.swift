import Foundation
import Media
import Testing

@Suite struct MelStreamTests {
  private struct Sound: Decodable {
    var name: String
    var samples, columns: Int
  }

  /// Name, samples and reference columns of every golden sound.
  private func goldenSounds() throws -> [(String, [Float], [[Float]])] {
    let index = try JSONDecoder().decode([Sound].self, from: Data(bytes(of: golden("mel.json"))))
    let (samples, values) = (floats(of: golden("mel-samples.f32")), floats(of: golden("mel-columns.f32")))
    var (at, column) = (0, 0)
    return index.map { sound in
      defer { (at, column) = (at + sound.samples, column + sound.columns) }
      let columns = (0..<sound.columns).map { Array(values[80 * (column + $0)..<80 * (column + $0 + 1)]) }
      return (sound.name, Array(samples[at..<at + sound.samples]), columns)
    }
  }

  @Test func columnsAreThoseOfTheIndependentReference() throws {
    let sounds = try goldenSounds()
    #expect(sounds.count == 20)
    for (name, samples, want) in sounds {
      let got = MelStream().columns(samples)
      #expect(got.count == want.count, "\(name)")
      let worst = zip(got.joined(), want.joined()).map { abs($0 - $1) }.max() ?? 0
      #expect(worst <= 1e-5, "\(name): \(worst)")
    }
  }

  @Test func columnsDoNotDependOnHowTheSoundIsCut() throws {
    var random = SplitMix(state: 7)
    for (name, samples, _) in try goldenSounds() {
      let whole = MelStream().columns(samples)
      #expect(MelStream().columns(samples, block: 1) == whole, "\(name)")
      #expect(MelStream().columns(samples, block: Int.random(in: 2...900, using: &random)) == whole, "\(name)")
    }
  }

  @Test func aStreamIsAsNewAfterItsEnd() throws {
    let stream = MelStream()
    for (name, samples, _) in try goldenSounds() {
      #expect(stream.columns(samples) == MelStream().columns(samples), "\(name)")
    }
  }

  @Test func theGainScalesTheSamples() throws {
    let (_, samples, _) = try goldenSounds()[1]
    let scaled = MelStream(gain: 0.25).columns(samples)
    let wanted = MelStream().columns(samples.map { $0 * 0.25 })
    #expect(scaled == wanted)
  }

  @Test func noSamplesMakeOneSilentColumn() {
    #expect(MelStream().columns([]) == [[Float](repeating: -4, count: 80)])
    #expect(MelProfile.w2lMel.silence == -4)
  }

  @Test func wildSamplesStayInRange() {
    let wild: [Float] = [.greatestFiniteMagnitude, -.greatestFiniteMagnitude, 1e30, -.leastNonzeroMagnitude, 0, .nan, .infinity]
    let columns = MelStream().columns((0..<2_000).map { wild[$0 % wild.count] })
    #expect(columns.count == 11 && columns.joined().allSatisfy { (-4...4).contains($0) })
  }

  @Test func profilesAreFoundByName() {
    #expect(MelProfile.named("w2l-mel") == .w2lMel && MelProfile.named("other") == nil)
    #expect(MelProfile.w2lMel.columnsPerSecond == 80)
  }
}
