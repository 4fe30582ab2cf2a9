import Compiler
import Glibc

/// Adds up the time that each step of an invocation takes. Set it as the invocation's `observer`, and keep it.
public final class StepProfile: StepObserver {
  /// One step, and what it took in all runs together.
  public struct Entry: Sendable {
    public var label: String
    public var operatorName: String
    public var outputShape: Shape
    public var seconds: Double
  }

  private var nanoseconds: [UInt64]
  private let steps: [Plan.Step]
  private var began: UInt64 = 0
  /// Runs seen so far.
  public private(set) var runCount = 0

  public init(_ plan: Plan) {
    steps = plan.steps
    nanoseconds = [UInt64](repeating: 0, count: plan.steps.count)
  }

  public func willRun(step: Int) {
    if step == 0 { runCount += 1 }
    began = Self.now
  }

  public func didRun(step: Int) { nanoseconds[step] += Self.now - began }

  private static var now: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  /// Every step in the order of the plan.
  public var entries: [Entry] {
    zip(steps, nanoseconds).map {
      Entry(
        label: $0.label, operatorName: $0.operatorName, outputShape: $0.outputShape, seconds: Double($1) * 1e-9)
    }
  }

  /// A table of the steps that take longest, in milliseconds a run.
  public func table(rows: Int = 25) -> String {
    let sorted = entries.sorted { $0.seconds > $1.seconds }
    let total = max(sorted.reduce(0) { $0 + $1.seconds }, 1e-12)
    let runs = Double(max(runCount, 1))
    func padded(_ text: String, _ width: Int) -> String {
      String(repeating: " ", count: max(0, width - text.count)) + text
    }
    func milliseconds(_ seconds: Double) -> String { "\((seconds * 1e6 / runs).rounded() / 1000)" }
    var lines = ["\(padded("ms", 9))  \(padded("share", 6))  step (\(milliseconds(total)) ms a run, \(runCount) runs)"]
    for entry in sorted.prefix(rows) {
      let share = "\((1000 * entry.seconds / total).rounded() / 10)%"
      lines.append(
        "\(padded(milliseconds(entry.seconds), 9))  \(padded(share, 6))  \(entry.label) → \(entry.outputShape)")
    }
    return lines.joined(separator: "\n")
  }
}
