internal import CMedia
import Glibc

/// A sound file or stream as libsndfile decodes it, read frame by frame as mono.
final class SoundFile {
  let name: String
  let sampleRate, channelCount: Int
  /// What the file says it holds; nil when it does not, or for a stream.
  let frameCount: Int?
  let isSeekable: Bool
  private let handle: OpaquePointer
  private let interleaved: UnsafeMutableBufferPointer<Float>

  /// The descriptor may be closed afterwards.
  init(_ descriptor: borrowing Descriptor, name: String) throws(MediaError) {
    // libsndfile closes a descriptor that it cannot read, whatever it is told: it gets one of its own.
    let copy = fcntl(descriptor.raw, F_DUPFD_CLOEXEC, 0)
    guard copy >= 0 else { throw MediaError(path: name, problem: .cannotOpen(errno: errno)) }
    var info = SF_INFO()
    guard let handle = sf_open_fd(copy, Int32(SFM_READ), &info, 1) else {
      let reason = String(cString: sf_strerror(nil)).trimmedSentence
      throw MediaError(path: name, problem: descriptor.isEmptyFile ? .empty : .notSound(reason))
    }
    let (rate, channels) = (Int(info.samplerate), Int(info.channels))
    guard AudioReader.sampleRates.contains(rate) else {
      sf_close(handle)
      throw MediaError(path: name, problem: .sampleRate(rate))
    }
    guard AudioReader.channelCounts.contains(channels) else {
      sf_close(handle)
      throw MediaError(path: name, problem: .channels(channels))
    }
    self.name = name
    self.handle = handle
    sampleRate = rate
    channelCount = channels
    isSeekable = info.seekable != 0
    // Encoders that write to a pipe leave zero or the largest number; nothing real is longer than this.
    frameCount = isSeekable && info.frames >= 0 && info.frames < 1 << 40 ? Int(info.frames) : nil
    interleaved = .allocate(capacity: Self.blockFrameCount * channels)
  }

  deinit {
    sf_close(handle)
    interleaved.deallocate()
  }

  static let blockFrameCount = 1024

  func seek(frame: Int) throws(MediaError) {
    guard sf_seek(handle, sf_count_t(frame), SEEK_SET) == frame else {
      throw MediaError(path: name, problem: isSeekable ? .corrupt(decoderMessage) : .notSeekable)
    }
  }

  /// Reads up to `mono.count` frames as the mean of their channels. What is not a number, or not finite, is 0.
  /// Returns how many; fewer only at the end of what can be decoded.
  func read(into mono: UnsafeMutableBufferPointer<Float>) -> Int {
    var done = 0
    while done < mono.count {
      let wanted = min(Self.blockFrameCount, mono.count - done)
      let got = Int(sf_readf_float(handle, interleaved.baseAddress, sf_count_t(wanted)))
      guard got > 0 else { break }
      downmix(got, into: mono.baseAddress! + done)
      done += got
    }
    return done
  }

  /// The decoder's complaint, or nil if it has none.
  var decodingProblem: String? { sf_error(handle) == 0 ? nil : decoderMessage }

  private var decoderMessage: String { String(cString: sf_strerror(handle)).trimmedSentence }

  private func downmix(_ frameCount: Int, into mono: UnsafeMutablePointer<Float>) {
    let source = interleaved.baseAddress!
    if channelCount == 1 {
      for i in 0..<frameCount { mono[i] = source[i].isFinite ? source[i] : 0 }
      return
    }
    let share = 1 / Double(channelCount)
    for i in 0..<frameCount {
      var sum = 0.0
      for c in 0..<channelCount {
        let value = source[i * channelCount + c]
        sum += value.isFinite ? Double(value) : 0
      }
      mono[i] = Float(sum * share)
    }
  }
}

extension String {
  /// Without the full stop or line end that C libraries put after their messages.
  fileprivate var trimmedSentence: String {
    var text = Substring(self)
    while let last = text.last, last == "." || last.isWhitespace { text.removeLast() }
    return String(text.map { $0.isNewline ? " " : $0 })
  }
}
