import Head
import Testing

struct ClockTests {
  @Test func theLastFrameIsTheLastThatBeginsWithinTheSpeech() {
    for fps in [1, 12.5, 24, 25, 29.97, 30_000.0 / 1001, 60, 120] {
      let clock = FrameClock(fps: fps, sampleRate: 16_000)
      for samples in [1, 159, 160, 639, 640, 641, 16_000, 160_123, 57_600_000] {
        let count = clock.frameCount(of: samples)
        #expect(clock.samplesNeeded(for: count - 1) <= samples, "\(fps) fps, \(samples) samples")
        #expect(clock.samplesNeeded(for: count) > samples, "\(fps) fps, \(samples) samples")
      }
    }
  }

  @Test func anHourDoesNotDrift() {
    let clock = FrameClock(fps: 30_000.0 / 1001, sampleRate: 16_000)
    let index = 107_892
    #expect(abs(clock.time(of: index) - Double(index) * 1001 / 30_000) < 1e-9)
    #expect(FrameClock(fps: 25, sampleRate: 16_000).frameCount(of: 3600 * 16_000) == 90_000)
  }

  @Test func evenNothingGivesOneFrame() {
    #expect(FrameClock(fps: 25, sampleRate: 16_000).frameCount(of: 0) == 1)
  }
}
