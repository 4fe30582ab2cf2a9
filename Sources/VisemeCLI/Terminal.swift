// C's stderr is a variable; only `muteLibraries` sets it, before any thread starts.
@preconcurrency import Glibc

/// Prints a line to standard error.
func printError(_ text: String) { writeError(text + "\n") }

/// Prints one line to standard error, whatever characters names of files bring along.
func printLine(_ text: String) {
  let scalars = text.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : $0 }
  printError(String(String.UnicodeScalarView(scalars)))
}

/// Sends away what libraries print to C's stderr, such as a decoder's warnings about a file that is then refused in our
/// own words, which go to the descriptor directly.
func muteLibraries() {
  if let nowhere = fopen("/dev/null", "w") { stderr = nowhere }
}

/// Writes text to standard error, unbuffered.
private func writeError(_ text: String) {
  var text = text
  text.withUTF8 { bytes in
    var rest = UnsafeRawBufferPointer(bytes)
    while !rest.isEmpty {
      let count = write(STDERR_FILENO, rest.baseAddress, rest.count)
      guard count > 0 else { return }
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }
}

/// One line that tells how far the work is, rewritten in place; shown on a terminal only.
struct ProgressLine {
  private let isShown: Bool
  private let total: Int?
  private let unit: String
  private var lastShown = -1.0

  /// - Parameter unit: what is counted.
  init(isShown: Bool, total: Int?, unit: String = "frame") {
    self.isShown = isShown && isatty(STDERR_FILENO) != 0
    self.total = total
    self.unit = unit
  }

  mutating func show(_ count: Int, seconds: Double) {
    guard isShown, seconds - lastShown >= 0.1 || count == total else { return }
    lastShown = seconds
    let rate = (Double(count) / max(seconds, 1e-9)).short
    let line = total.map { "\(unit) \(count) of \($0) (\(100 * count / max($0, 1)) %), \(rate) a second" }
    writeError("\r\u{1B}[K" + (line ?? "\(unit) \(count), \(rate) a second"))
  }

  func finish() {
    if isShown { writeError("\r\u{1B}[K") }
  }
}

/// Notices Ctrl-C and termination, so that the work can stop between two frames.
enum Interruption {
  private nonisolated(unsafe) static var requested: sig_atomic_t = 0

  static func watch() {
    // A second signal ends the program at once.
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { _ in Interruption.requested = 1 }
    action.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND))
    sigaction(SIGINT, &action, nil)
    sigaction(SIGTERM, &action, nil)
    signal(SIGPIPE, SIG_IGN)
  }

  static var isRequested: Bool { requested != 0 }
}

/// Wall time since the process started.
struct Stopwatch {
  private let origin: Double

  init() {
    // Field 22 of /proc/self/stat is the start of the process in clock ticks since boot.
    let now = Self.now(CLOCK_BOOTTIME)
    let ticks = Double(max(sysconf(Int32(_SC_CLK_TCK)), 1))
    let start = ProcessMemory.field(22, of: "/proc/self/stat").map { Double($0) / ticks }
    origin = Self.now(CLOCK_MONOTONIC) - max(0, now - (start ?? now))
  }

  var seconds: Double { Self.now(CLOCK_MONOTONIC) - origin }

  private static func now(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}

enum ProcessMemory {
  /// A number of a `stat` file of /proc, counted from 1; the second field, a name in brackets, may hold blanks.
  static func field(_ number: Int, of path: String) -> UInt64? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var buffer = [CChar](repeating: 0, count: 1024)
    guard fgets(&buffer, 1024, file) != nil else { return nil }
    let text = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    guard let bracket = text.lastIndex(of: ")") else { return nil }
    let fields = text[text.index(after: bracket)...].split(separator: " ")
    let index = number - 3
    return fields.indices.contains(index) ? UInt64(fields[index]) : nil
  }
}
