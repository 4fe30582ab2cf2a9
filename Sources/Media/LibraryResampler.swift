internal import CMedia

/// libsamplerate's windowed sinc, for any ratio of rates.
final class LibraryResampler: Resampler {
  private let state: OpaquePointer
  private let ratio: Double

  init(inputRate: Int, outputRate: Int) throws(MediaError) {
    ratio = Double(outputRate) / Double(inputRate)
    var error: Int32 = 0
    guard src_is_valid_ratio(ratio) != 0 else {
      throw MediaError(
        path: "resampler", problem: .invalidRequest("\(inputRate) to \(outputRate) samples a second is too far"))
    }
    guard let state = src_new(Int32(SRC_SINC_MEDIUM_QUALITY), 1, &error) else {
      throw MediaError(path: "resampler", problem: .outOfMemory)
    }
    self.state = state
  }

  deinit { src_delete(state) }

  func reset() { src_reset(state) }

  func process(
    _ input: UnsafeBufferPointer<Float>, into output: UnsafeMutableBufferPointer<Float>
  ) -> (consumed: Int, produced: Int) {
    var data = SRC_DATA()
    data.data_in = input.baseAddress
    data.input_frames = input.count
    data.data_out = output.baseAddress
    data.output_frames = output.count
    data.src_ratio = ratio
    let error = src_process(state, &data)
    precondition(error == 0, "libsamplerate refused valid arguments")
    return (data.input_frames_used, data.output_frames_gen)
  }
}
