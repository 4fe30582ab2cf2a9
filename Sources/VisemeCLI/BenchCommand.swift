import ArgumentParser
import Inspection
import Viseme

/// `viseme bench`: how long a model takes.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Time a model: load, first run, the runs after it; processor time and memory.",
    discussion: """
      Inputs that are not given are random. Compare two settings by turns and more than once: machines have moods.

      EXAMPLES
        viseme bench model.onnx
        viseme bench model.onnx --threads 2 --repeat 200 --warmup 20 --json
        viseme bench model.onnx --shape audio=1,16000 --shape batch=4
        viseme bench model.onnx --cache-dir auto
        viseme bench model.onnx --threads auto --cores big --line
        viseme bench model.onnx --without fuse-activations

      \(CommandStatus.help)
      """)

  @OptionGroup var model: ModelOptionGroup
  @OptionGroup var input: InputOptionGroup
  @Option(name: .customLong("repeat"), help: "Timed runs.")
  var repeats = 50
  @Option(help: "Runs between the first one and the timed ones.")
  var warmup = 5
  @Flag(help: "Print the figures as JSON, times in seconds.")
  var json = false
  @Flag(help: "Print one line of JSON: the machine and the figures, to compare boards by.")
  var line = false

  func validate() throws {
    guard (1...10_000_000).contains(repeats) else { throw ValidationError("--repeat is 1 to 10000000, not \(repeats)") }
    guard (0...10_000_000).contains(warmup) else { throw ValidationError("--warmup is 0 to 10000000, not \(warmup)") }
  }

  func run() throws {
    try CommandStatus.report {
      TimeLimit.start(seconds: model.timeLimit, command: model.model)
      try model.threading.pin()
      let machine = MachineWatch()
      let watch = Stopwatch()
      var progress = ProgressLine(isShown: !json && !line, total: repeats, unit: "run")
      let figures = try Benchmark.measure(
        path: model.model, options: model.options,
        inputs: input.source(memoryLimit: model.memoryLimit?.value, seed: 0), warmUp: warmup, repeats: repeats
      ) { progress.show($0, seconds: watch.seconds) }
      progress.finish()
      if line {
        print(machine.line(threads: figures.threads, figures).json)
      } else {
        print(json ? jsonText(figures) : text(figures))
      }
    }
  }

  private func text(_ figures: Benchmark) -> String {
    var table = TextTable(["\(figures.model), \(figures.threads) thread\(figures.threads == 1 ? "" : "s")", ">"])
    for input in figures.inputs { table.add(["input", input]) }
    table.add(["load", timeText(figures.loadSeconds)])
    table.add(["first run", timeText(figures.firstRunSeconds)])
    table.add(["median of \(figures.runs) runs", timeText(figures.median)])
    table.add(["minimum", timeText(figures.minimum)])
    table.add(["99th percentile", timeText(figures.percentile99)])
    table.add(["processor time a run", timeText(figures.processorSeconds)])
    table.add(["peak memory", byteText(figures.peakMemoryByteCount)])
    for note in figures.packedWeights { table.add(["", note]) }
    return table.text
  }
}
