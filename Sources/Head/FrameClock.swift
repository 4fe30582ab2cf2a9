/// The clock of a talk: audio owns time, and frame *i* shows the moment *i* / fps, exactly.
public struct FrameClock: Sendable {
  public let fps: Double
  /// Samples of speech per second.
  public let sampleRate: Int

  public init(fps: Double, sampleRate: Int) {
    self.fps = fps
    self.sampleRate = sampleRate
  }

  /// The moment frame `index` shows, in seconds.
  public func time(of index: Int) -> Double { Double(index) / fps }

  /// How many frames `sampleCount` samples of speech have: the length times fps, rounded up, and at least one.
  public func frameCount(of sampleCount: Int) -> Int {
    max(1, Int((Double(sampleCount) * fps / Double(sampleRate)).rounded(.up)))
  }

  /// Samples that must exist for frame `index` to be shown: a speech of fewer has ended before it.
  public func samplesNeeded(for index: Int) -> Int {
    index == 0 ? 0 : Int((Double(index) * Double(sampleRate) / fps).rounded(.down)) + 1
  }
}
