import ArgumentParser
import Files
import Inspection
import Viseme

/// `viseme profile`: where the time of a run goes.
struct ProfileCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "profile",
    abstract: "Show what each step and operator of a model takes, and how close it comes to the machine's peak.",
    discussion: """
      The peak is measured first, with the fastest matrix product there is. GFLOP/s count the multiply-adds of
      convolutions, matrix products, recurrent layers and attention, each as two operations.

      EXAMPLES
        viseme profile model.onnx
        viseme profile model.onnx --threads 2 --rows 100
        viseme profile model.onnx --trace trace.json      # open it at ui.perfetto.dev

      \(CommandStatus.help)
      """)

  @OptionGroup var model: ModelOptionGroup
  @OptionGroup var input: InputOptionGroup
  @Option(name: .customLong("repeat"), help: "Profiled runs; a step's time is the median.")
  var repeats = 20
  @Option(help: "Runs before them.")
  var warmup = 3
  @Option(help: "Steps to list, the slowest first.")
  var rows = 25
  @Option(help: "Also write a timeline of the first runs, in Chrome's trace format.")
  var trace: String?
  @Flag(help: "Print everything as JSON, times in seconds.")
  var json = false

  func validate() throws {
    guard (1...1_000_000).contains(repeats) else { throw ValidationError("--repeat is 1 to 1000000, not \(repeats)") }
    guard (0...1_000_000).contains(warmup) else { throw ValidationError("--warmup is 0 to 1000000, not \(warmup)") }
  }

  func run() throws {
    try CommandStatus.report {
      TimeLimit.start(seconds: model.timeLimit, command: model.model)
      try model.threading.pin()
      let opened = try Model(path: model.model, options: model.options)
      let inputs = try input.source(memoryLimit: model.memoryLimit?.value, seed: 0).tensors(for: opened)
      var timeline = ChromeTrace(runLimit: trace == nil ? 0 : 10)
      let profile = try RunProfile.measure(opened, inputs: inputs, warmUp: warmup, repeats: repeats, trace: &timeline)
      if let trace { try AtomicFile.writeWhole(timeline.json, to: trace) }
      print(json ? jsonText(profile) : text(profile))
    }
  }

  private func text(_ profile: RunProfile) -> String {
    let total = max(profile.steps.reduce(0) { $0 + $1.seconds }, 1e-12)
    func share(_ part: Double) -> String { "\((part * 1000).rounded() / 10) %" }
    func rate(_ work: Int, _ rate: Double, _ part: Double) -> [String] {
      work == 0 ? ["", "", ""] : [countText(work), "\((rate * 10).rounded() / 10)", share(part)]
    }
    let rate1 = Double(profile.multiplyAdds) / max(profile.seconds, 1e-9) * 2e-9
    var lines = [
      "\(profile.model), \(profile.threads) thread\(profile.threads == 1 ? "" : "s"): \(timeText(profile.seconds)) a run "
        + "(median of \(profile.runs)), \(countText(profile.multiplyAdds)) multiply-adds, \(rate1.short) GFLOP/s of "
        + "\(profile.peakGigaflopsPerSecond.short) at the peak", "",
    ]
    var operators = TextTable([">ms", ">share", ">multiply-adds", ">GFLOP/s", ">of peak", ">steps", "operator"])
    for entry in profile.operators {
      operators.add(
        ["\((entry.seconds * 1e6).rounded() / 1000)", share(entry.seconds / total)]
          + rate(entry.multiplyAdds, entry.gigaflopsPerSecond, entry.peakShare)
          + ["\(entry.steps)", entry.operatorName])
    }
    lines += [operators.text, ""]
    var steps = TextTable([">ms", ">share", ">multiply-adds", ">GFLOP/s", ">of peak", "step"])
    for step in profile.steps.sorted(by: { $0.seconds > $1.seconds }).prefix(rows) {
      steps.add(
        ["\((step.seconds * 1e6).rounded() / 1000)", share(step.seconds / total)]
          + rate(step.multiplyAdds, step.gigaflopsPerSecond, step.peakShare)
          + ["\(step.label) → [\(step.outputShape.map(String.init).joined(separator: ","))]"])
    }
    lines.append(steps.text)
    if profile.steps.count > rows { lines.append("(\(profile.steps.count - rows) more steps: --rows)") }
    return lines.joined(separator: "\n")
  }
}
