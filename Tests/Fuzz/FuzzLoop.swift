import Glibc

/// Runs mutations of a corpus one after the other in this process, which whoever started it watches: a case that
/// crashes ends the process, one that hangs is ended by an alarm, and the file `current` then holds it.
struct FuzzLoop {
  var corpus: [[UInt8]]
  var seed: UInt64
  var current: String
  private let donors: Donors

  /// Ends the process if it uses 10 seconds of processor time from now on, or if it waits for a minute.
  static func startAlarm() {
    var time = itimerval(it_interval: timeval(), it_value: timeval(tv_sec: 10, tv_usec: 0))
    setitimer(__itimer_which_t(ITIMER_PROF.rawValue), &time, nil)
    alarm(60)
  }

  init(corpus: [[UInt8]], seed: UInt64, current: String) {
    self.corpus = corpus
    self.seed = seed
    self.current = current
    donors = Donors(corpus)
  }

  /// Runs case `first` and those behind it, and says before each how many cases have been begun.
  ///
  /// A case depends on the corpus, the seed and its number alone.
  func run(first: Int, count: Int, seconds: Double) {
    let began = Self.now
    guard let file = fopen(current, "wb") else { fail("\(current): \(String(cString: strerror(errno)))") }
    for index in first..<(first + count) {
      let bytes = self.bytes(index)
      rewind(file)
      ftruncate(fileno(file), 0)
      fwrite(bytes, 1, bytes.count, file)
      print(index + 1)
      fflush(nil)
      Self.startAlarm()
      _ = Case(bytes).run()
      if Self.now - began > seconds { break }
    }
    unlink(current)
  }

  private func bytes(_ index: Int) -> [UInt8] {
    var mutator = Mutator(seed: seed &* 0x2545_f491_4f6c_dd1d &+ UInt64(index), donors: donors)
    let parent = corpus[mutator.random.below(corpus.count)]
    return mutator.mutated(parent)
  }

  private static var now: Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}
