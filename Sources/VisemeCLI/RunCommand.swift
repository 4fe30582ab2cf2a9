import ArgumentParser
import Inspection
import NumPyFormat
import Viseme

/// `viseme run`: one run of a model on given inputs.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Run a model once: inputs from files, outputs to files.",
    discussion: """
      EXAMPLES
        viseme run model.onnx --input-dir test_data_set_0 --output-dir out
        viseme run model.onnx --inputs image.npy --output-dir out
        viseme run model.onnx --inputs x=image.npy mask=mask.npy --output result.npz
        viseme run model.onnx --random 1 --shape x=1,3,96,96 --output-dir out

      Outputs are written as output_0.pb and so on (ONNX's TensorProto, SequenceProto or OptionalProto), or as .npy or
      .npz, which take tensors only; each file appears whole.

      \(CommandStatus.help)
      """)

  @OptionGroup var model: ModelOptionGroup
  @OptionGroup var input: InputOptionGroup
  @Option(help: "Folder for output_0.pb and so on; made if it is missing.")
  var outputDir: String?
  @Option(help: "File for all outputs by name (.npz), or for the only one (.npy).")
  var output: String?

  func validate() throws {
    if let output, !output.hasSuffix(".npz"), !output.hasSuffix(".npy") {
      throw ValidationError("--output ends in .npz or .npy, so that its format is known")
    }
  }

  func run() throws {
    try CommandStatus.report {
      TimeLimit.start(seconds: model.timeLimit, command: model.model)
      try model.threading.pin()
      let opened = try Model(path: model.model, options: model.options)
      let inputs = try input.source(memoryLimit: model.memoryLimit?.value).values(for: opened)
      let results = try Session(opened).run(values: inputs)
      TimeLimit.stop()
      let outputs = zip(opened.outputs.map(\.name), results).map { (name: $0, value: $1) }
      if let outputDir { try DataSet.writeOutputs(outputs, to: outputDir) }
      if let output { try write(outputs, to: output) }
      if outputDir == nil, output == nil {
        for (name, value) in outputs { print("\(name): \(summary(value))") }
      }
    }
  }

  private func summary(_ value: RuntimeValue) -> String {
    switch value {
    case .tensor(let tensor): "\(tensor.dataType)\(tensor.shape)"
    case .sequence(let elements, _): "sequence of \(elements.count): " + elements.map(summary).joined(separator: ", ")
    case .optional(let value, let type): value.map(summary) ?? "nothing, of type optional \(type)"
    }
  }

  private func write(_ values: [(name: String, value: RuntimeValue)], to path: String) throws {
    var outputs: [(name: String, tensor: Tensor)] = []
    for (name, value) in values {
      guard let tensor = value.tensor else {
        throw InspectionError("\(path): the output “\(name)” is \(value.type); files of numpy take tensors only, use --output-dir")
      }
      outputs.append((name, tensor))
    }
    guard path.hasSuffix(".npy") else { return try NumPyArchive.write(outputs, to: path) }
    guard outputs.count == 1 else {
      throw InspectionError("\(path): the model has \(outputs.count) outputs; write an .npz or use --output-dir")
    }
    try NumPyArray.write(outputs[0].tensor, to: path)
  }
}
