import ArgumentParser
import Files
import Inspection
import Viseme

/// `viseme inspect`: what a model is, and what becomes of it.
struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Show a model's inputs, operators, size and cost, and what each optimization did or why it did not.",
    discussion: """
      Costs are shown once all input shapes are known: from the model, or by --shape. Of a model that does not run, the
      nodes that stand in its way are listed, and the status is 3.

      EXAMPLES
        viseme inspect model.onnx
        viseme inspect model.onnx --shape x=1,3,96,96 --passes
        viseme inspect model.onnx --json
        viseme inspect model.onnx --dot model.dot && dot -Tsvg model.dot -o model.svg

      \(CommandStatus.help)
      """)

  @OptionGroup var model: ModelOptionGroup
  @Option(help: "The shape of an input, or the value of an extent it names: x=1,3,96,96 or batch=4; may be given again.")
  var shape: [NamedShape] = []
  @Flag(help: "List every node that a pass changed or skipped.")
  var passes = false
  @Option(help: "Also write the optimized graph for Graphviz.")
  var dot: String?
  @Flag(help: "Print everything as JSON.")
  var json = false

  func run() throws {
    try CommandStatus.report {
      TimeLimit.start(seconds: model.timeLimit, command: model.model)
      var source = InputSource()
      source.shapes = Dictionary(shape.map { ($0.name, $0.shape) }, uniquingKeysWith: { _, last in last })
      let report = try ModelReport(path: model.model, options: model.options, inputs: source)
      if let dot {
        try AtomicFile.writeWhole(
          DotGraph.text(try Model(path: model.model, options: model.options).program.graph), to: dot)
      }
      print(json ? jsonText(report) : text(report))
      guard report.unsupported.isEmpty else { throw ExitCode(CommandStatus.unsupported) }
    }
  }

  private func text(_ report: ModelReport) -> String {
    var lines = [report.model]
    lines.append(
      "IR version \(report.irVersion), "
        + report.opsets.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        + (report.producer.isEmpty ? "" : ", made by \(report.producer)"))
    lines.append("")
    var ports = TextTable(["", "name", "type"])
    for port in report.inputs { ports.add(["input", port.name, port.type]) }
    for port in report.outputs { ports.add(["output", port.name, port.type]) }
    lines += [ports.text, ""]
    lines.append("parameters     \(countText(report.parameters)) in \(byteText(report.parameterByteCount))")
    if let cost = report.cost {
      lines.append("multiply-adds  \(countText(cost.multiplyAdds))")
      lines.append("packed weights \(byteText(cost.packedWeightByteCount)), other constants \(byteText(cost.constantByteCount))")
      lines.append("arena          \(byteText(cost.arenaByteCount)), of it scratch \(byteText(cost.scratchByteCount))")
      lines.append("nodes          \(report.nodes), after the passes \(report.optimizedNodes ?? 0); \(cost.steps) steps a run")
      for port in cost.inputs { lines.append("at             \(port.name): \(port.type)") }
    } else {
      let after = report.optimizedNodes.map { ", after the passes \($0)" } ?? ""
      lines.append("nodes          \(report.nodes)\(after)")
      if let problem = report.costProblem { lines.append("cost           not known: \(problem)") }
    }
    lines.append("")
    let work = Dictionary(
      (report.cost?.multiplyAddsByOperator ?? []).map { ($0.name, $0.multiplyAdds) }, uniquingKeysWith: +)
    var operators = TextTable([">count", ">multiply-adds", "operator"])
    for entry in report.operators {
      operators.add(["\(entry.count)", work[entry.name].map(countText) ?? "", entry.name])
    }
    lines += [operators.text, ""]
    for pass in report.passes { lines += describe(pass) }
    if !report.unsupported.isEmpty {
      lines.append("not implemented, so that the model does not run:")
      for gap in report.unsupported.prefix(passes ? .max : 10) { lines.append("  \(gap.node): \(gap.reason)") }
      if report.unsupported.count > 10, !passes { lines.append("  and \(report.unsupported.count - 10) more (--passes lists all)") }
    }
    return lines.joined(separator: "\n")
  }

  private func describe(_ pass: ModelReport.PassOutcome) -> [String] {
    let changed = pass.changes.reduce(0) { $0 + $1.nodes.count }, skipped = pass.skips.reduce(0) { $0 + $1.nodes.count }
    var lines = ["\(pass.name): \(changed) done\(skipped > 0 ? ", \(skipped) skipped" : "") (\(pass.summary))"]
    if passes {
      for group in pass.changes { for node in group.nodes { lines.append("    \(node): \(group.message)") } }
    }
    for group in pass.skips {
      if passes {
        for node in group.nodes { lines.append("  - \(node): \(group.message)") }
      } else {
        lines.append("  - \(group.nodes.count) skipped: \(group.message)")
      }
    }
    return lines
  }
}
