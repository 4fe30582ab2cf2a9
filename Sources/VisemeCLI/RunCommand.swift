import ArgumentParser
import Inspection
import NumPyFormat
import Viseme

/// `viseme run`: one run of a model on given inputs.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Run a model once: tensors in, tensors out.",
    discussion: """
      EXAMPLES
        viseme run model.onnx --input-dir test_data_set_0 --output-dir out
        viseme run model.onnx --inputs image.npy --output-dir out
        viseme run model.onnx --inputs x=image.npy mask=mask.npy --output result.npz
        viseme run model.onnx --random 1 --shape x=1,3,96,96 --output-dir out

      Outputs are written as output_0.pb and so on (ONNX's TensorProto), or as .npy or .npz; each file appears whole.

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
      let inputs = try input.source(memoryLimit: model.memoryLimit?.value).tensors(for: opened)
      let results = try Session(opened).run(inputs)
      TimeLimit.stop()
      let outputs = zip(opened.outputs.map(\.name), results).map { (name: $0, tensor: $1) }
      if let outputDir { try DataSet.writeOutputs(outputs, to: outputDir) }
      if let output { try write(outputs, to: output) }
      if outputDir == nil, output == nil {
        for (name, tensor) in outputs { print("\(name): \(tensor.dataType)\(tensor.shape)") }
      }
    }
  }

  private func write(_ outputs: [(name: String, tensor: Tensor)], to path: String) throws {
    guard path.hasSuffix(".npy") else { return try NumPyArchive.write(outputs, to: path) }
    guard outputs.count == 1 else {
      throw InspectionError("\(path): the model has \(outputs.count) outputs; write an .npz or use --output-dir")
    }
    try NumPyArray.write(outputs[0].tensor, to: path)
  }
}
