import ArgumentParser
import Files
import FoundationEssentials
import Glibc
import ONNXFormat
import Viseme

/// What the commands for models return to the shell. Wrong usage is ArgumentParser's 64.
enum CommandStatus {
  static let failed: Int32 = 1
  /// The model is correct ONNX, as far as can be told, that Viseme does not implement.
  static let unsupported: Int32 = 3
  /// What was compared differs by more than the tolerance.
  static let pastTolerance: Int32 = 4

  /// Runs a command's work; an error becomes one line on standard error and a status.
  static func report(_ work: () throws -> Void) throws {
    do {
      try work()
    } catch let code as ExitCode {
      throw code
    } catch {
      printLine("\(error)")
      let isUnsupported = (error as? VisemeError)?.isUnsupported ?? (error as? ImportError)?.isUnsupported ?? false
      throw ExitCode(isUnsupported ? unsupported : failed)
    }
  }

  static let help = """
    EXIT CODES
      0 done; 1 an error; 3 the model needs what Viseme does not implement; 64 wrong usage
    """
}

/// Ends the program when a command takes longer than it may.
///
/// A timer of the process, so that reading, planning and running are all covered. Files appear whole or not at all.
enum TimeLimit {
  private nonisolated(unsafe) static var message: [UInt8] = []

  static func start(seconds: Double?, command: String) {
    guard let seconds else { return }
    message = Array("\(command): stopped by --time-limit after \(seconds.short) s\n".utf8)
    signal(SIGALRM) { _ in
      // Only calls that are safe in a signal handler.
      _ = TimeLimit.message.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
      _exit(CommandStatus.failed)
    }
    let whole = seconds.rounded(.down)
    var timer = itimerval()
    timer.it_value = timeval(tv_sec: Int(whole), tv_usec: max(Int((seconds - whole) * 1e6), whole > 0 ? 0 : 1))
    setitimer(__itimer_which_t(ITIMER_REAL.rawValue), &timer, nil)
  }

  /// For when the result is being written: a run that is done is not thrown away.
  static func stop() {
    var timer = itimerval()
    setitimer(__itimer_which_t(ITIMER_REAL.rawValue), &timer, nil)
  }
}

/// A value as JSON, for programs that read it.
func jsonText(_ value: some Encodable, isOneLine: Bool = false) -> String {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
  if !isOneLine { encoder.outputFormatting.insert(.prettyPrinted) }
  encoder.nonConformingFloatEncodingStrategy = .convertToString(
    positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
  return String(decoding: (try? encoder.encode(value)) ?? Data(), as: UTF8.self)
}
