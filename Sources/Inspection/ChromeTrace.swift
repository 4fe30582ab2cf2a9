/// A timeline in the trace event format, as chrome://tracing and ui.perfetto.dev show it.
public struct ChromeTrace: Sendable {
  private var events: [String] = []
  private var origin: Double?
  private let runLimit: Int

  /// - Parameter runLimit: runs that go into the trace; 0 for none.
  public init(runLimit: Int) { self.runLimit = runLimit }

  package func isWanted(run: Int) -> Bool { run < runLimit }

  package mutating func add(
    _ name: String, category: String, start: Double, end: Double, details: [(String, String)] = []
  ) {
    let zero = origin ?? start
    origin = zero
    let arguments = details.map { "\(Self.quoted($0)):\(Self.quoted($1))" }.joined(separator: ",")
    events.append(
      "{\"name\":\(Self.quoted(name)),\"cat\":\(Self.quoted(category)),\"ph\":\"X\",\"pid\":1,\"tid\":1,"
        + "\"ts\":\(Self.microseconds(start - zero)),\"dur\":\(Self.microseconds(end - start)),\"args\":{\(arguments)}}")
  }

  public var json: String { "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n" + events.joined(separator: ",\n") + "\n]}\n" }

  private static func microseconds(_ seconds: Double) -> Double { (seconds * 1e9).rounded() / 1e3 }

  package static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": result += "\\\(scalar)"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
