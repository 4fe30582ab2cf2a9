import Foundation
import Media
import Testing

@Suite struct AudioReaderTests {
  let folder = TemporaryFolder()

  private func sine(_ hertz: Double, rate: Int, seconds: Double) -> [Float] {
    (0..<Int(Double(rate) * seconds)).map { Float(0.5 * sin(2 * .pi * hertz * Double($0) / Double(rate))) }
  }

  @Test(arguments: [8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
  func sampleKIsTheSoundAtTimeKOverTheRate(rate: Int) throws {
    let path = folder.file("sine.wav", wav(sine(440, rate: rate, seconds: 1), sampleRate: rate))
    let reader = try AudioReader(path: path)
    let got = try reader.readAll()
    #expect(got.count == 16_000 && reader.sampleCount == 16_000)
    // Away from the ends, where the sound is cut off.
    for k in 400..<15_600 {
      let want = Float(0.5 * sin(2 * .pi * 440 * Double(k) / 16_000))
      #expect(abs(got[k] - want) < 2e-4, "sample \(k)")
      if abs(got[k] - want) >= 2e-4 { break }
    }
  }

  @Test(arguments: [8_000, 11_025, 22_050, 44_100, 48_000])
  func anImpulseStaysWhereItIs(rate: Int) throws {
    var samples = [Float](repeating: 0, count: rate)
    samples[rate / 2] = 1
    let got = try AudioReader(path: folder.file("impulse.wav", wav(samples, sampleRate: rate))).readAll()
    let time = Double(rate / 2) / Double(rate) * 16_000
    var moment = 0.0
    var mass = 0.0
    for (k, value) in got.enumerated() {
      moment += Double(k) * Double(value) * Double(value)
      mass += Double(value) * Double(value)
    }
    #expect(abs(moment / mass - time) < 0.02, "centre at \(moment / mass), wanted \(time)")
  }
}
