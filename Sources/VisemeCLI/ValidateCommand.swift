import ArgumentParser
import Glibc
import Inspection
import Viseme

/// `viseme validate`: whether a model's results are right.
struct ValidateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "validate",
    abstract: "Hold a model's results against another model, recorded data, or the scalar reference.",
    discussion: """
      Both sides get the same inputs; what is not given is random. An output is right when its root mean square error
      and its largest error, each as a part of the reference's, are at most the tolerance.

      EXAMPLES
        viseme validate model.onnx --against reference
        viseme validate model.onnx --against reference --nodes
        viseme validate converted.onnx --against original.onnx --random 7 --tolerance 1e-2
        viseme validate model.onnx --against test_data_set_0
        viseme validate model.onnx --against reference --without fuse-activations

      EXIT CODES
        0 within the tolerance; 4 past it; 1 an error; 3 the model needs what Viseme does not implement; 64 wrong usage
      """)

  @OptionGroup var model: ModelOptionGroup
  @OptionGroup var input: InputOptionGroup
  @Option(
    help: ArgumentHelp(
      "“reference” (scalar kernels, no optimization), another .onnx file, or a folder of recorded tensors.",
      valueName: "reference"))
  var against: String
  @Option(help: "The largest error that passes, as a part of the reference.")
  var tolerance = 1e-3
  @Flag(help: "Also compare the values between inputs and outputs, and name the first that is wrong.")
  var nodes = false
  @Flag(help: "Print everything as JSON.")
  var json = false

  func validate() throws {
    guard tolerance >= 0 else { throw ValidationError("--tolerance is a number from 0 on") }
    guard !nodes || !isFolder else {
      throw ValidationError("--nodes needs a reference that runs: recorded data holds outputs only")
    }
  }

  func run() throws {
    try CommandStatus.report {
      TimeLimit.start(seconds: model.timeLimit, command: model.model)
      try model.threading.pin()
      let reference: Validation.Reference =
        against == "reference" ? .scalar : isFolder ? .recorded(folder: against) : .model(path: against)
      let result = try Validation.run(
        path: model.model, against: reference, options: model.options,
        inputs: input.source(memoryLimit: model.memoryLimit?.value, seed: 0), tolerance: tolerance, nodes: nodes)
      print(json ? jsonText(result) : text(result))
      guard result.isWithin else { throw ExitCode(CommandStatus.pastTolerance) }
    }
  }

  private var isFolder: Bool {
    var status = stat()
    return stat(against, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  private func text(_ result: Validation) -> String {
    var lines = ["\(result.model) against \(result.reference), tolerance \(result.tolerance)"]
    for entry in result.cases {
      lines += ["", entry.name]
      let columns = [">max error", ">of largest", ">rms", ">cosine", ">PSNR dB", "", "value"]
      if !entry.steps.isEmpty {
        var table = TextTable(columns)
        for step in entry.steps { table.add(row(step.comparison, step.isWithin) + ["\(step.label) → \(step.comparison.name)"]) }
        lines += [table.text, ""]
        if entry.uncomparedSteps > 0 { lines.append("\(entry.uncomparedSteps) values not compared: --memory-limit is too low") }
      }
      var table = TextTable(columns)
      for output in entry.outputs {
        let mismatch = output.mismatch.map { " (\($0))" } ?? ""
        table.add(row(output, output.isWithin(result.tolerance)) + ["output \(output.name)\(mismatch)"])
      }
      lines.append(table.text)
      if let first = entry.firstWrong { lines.append("first past the tolerance: \(first)") }
    }
    lines += ["", result.isWithin ? "within the tolerance" : "PAST THE TOLERANCE"]
    return lines.joined(separator: "\n")
  }

  private func row(_ comparison: TensorComparison, _ isWithin: Bool) -> [String] {
    let verdict = isWithin ? "ok" : "WRONG"
    guard comparison.mismatch == nil else { return ["", "", "", "", "", verdict] }
    let unlike = comparison.unlikeNonFinite > 0 ? " (\(comparison.unlikeNonFinite) NaN or infinite)" : ""
    return [
      digits(comparison.maximumError), digits(comparison.maximumRelative), digits(comparison.rmsRelative),
      "\((comparison.cosine * 1e6).rounded() / 1e6)", comparison.psnr.map { "\(($0 * 10).rounded() / 10)" } ?? "-",
      verdict + unlike,
    ]
  }

  /// Three significant digits.
  private func digits(_ value: Double) -> String {
    guard value.isFinite, value != 0 else { return value == 0 ? "0" : "\(value)" }
    let exponent = Int(log10(value.magnitude).rounded(.down))
    let mantissa = (value / pow(10, Double(exponent)) * 100).rounded() / 100
    return exponent == 0 ? "\(mantissa)" : "\(mantissa)e\(exponent)"
  }
}
