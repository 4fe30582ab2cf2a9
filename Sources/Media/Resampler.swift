/// Changes the sample rate of a stream: output sample k is the band-limited input at time k / output rate, exactly.
///
/// What lies before the first and after the last input sample counts as 0.
protocol Resampler: AnyObject {
  /// Forgets the stream.
  func reset()

  /// Consumes from `input` and produces into `output`; returns how much of each, something unless one of them is empty.
  func process(
    _ input: UnsafeBufferPointer<Float>, into output: UnsafeMutableBufferPointer<Float>
  ) -> (consumed: Int, produced: Int)
}

/// The resampler for a pair of rates: `PolyphaseResampler`, or libsamplerate where that would need too large a table.
func makeResampler(inputRate: Int, outputRate: Int) throws(MediaError) -> any Resampler {
  if let polyphase = PolyphaseResampler(inputRate: inputRate, outputRate: outputRate) { return polyphase }
  return try LibraryResampler(inputRate: inputRate, outputRate: outputRate)
}
