#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

func log10(_ value: Double) -> Double {
  #if canImport(Glibc)
    Glibc.log10(value)
  #else
    Musl.log10(value)
  #endif
}

/// What clocks say, in seconds.
enum Clock {
  static var wall: Double { read(CLOCK_MONOTONIC) }
  /// Processor time of all threads of the process.
  static var process: Double { read(CLOCK_PROCESS_CPUTIME_ID) }

  private static func read(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}

/// The most memory the process has held so far, in bytes.
///
/// Read from /proc: what getrusage says includes what the program that started this one held before.
public func peakMemoryByteCount() -> Int {
  if let file = fopen("/proc/self/status", "r") {
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    while fgets(&line, 256, file) != nil {
      let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      guard text.hasPrefix("VmHWM:") else { continue }
      if let kilobytes = Int(text.filter(\.isNumber)) { return kilobytes * 1024 }
    }
  }
  var usage = rusage()
  #if canImport(Glibc)
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
  #else
    getrusage(RUSAGE_SELF, &usage)
  #endif
  return usage.ru_maxrss * 1024
}
