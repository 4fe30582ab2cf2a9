import ArgumentParser
import Compiler
import Conversion
import Inspection
import ONNXFormat
import Viseme

/// `viseme convert`: a model as other models.
struct ConvertCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Write a model anew: optimized, of another opset, smaller, with fixed shapes, or a part of it.",
    discussion: """
      The result is standard ONNX that other runtimes load. Check it with `viseme validate OUT --against IN`.

      EXAMPLES
        viseme convert model.onnx small.onnx
        viseme convert model.onnx fixed.onnx --shape x=1,3,96,96 --opset 17
        viseme convert model.onnx half.onnx --fp16
        viseme convert model.onnx large.onnx --external-data
        viseme convert model.onnx --prepack
        viseme convert model.onnx part.onnx --extract features:logits,score --no-optimize

      \(CommandStatus.help)
      """)

  @Argument(help: "The model to read.")
  var input: String
  @Argument(help: "The model to write; it appears whole, and may be the one that is read. With --prepack it may be left out.")
  var output: String?
  @Option(help: "The version of ONNX's operator set to write. Without it: the model's own.")
  var opset: Int?
  @Flag(help: "Store float32 weights as float16, with a Cast behind each: half the size, computed as before.")
  var fp16 = false
  @Flag(help: "Put weights of 1 KiB or more into a second file, named like the model with .data behind.")
  var externalData = false
  @Option(help: "The shape of an input, or the value of an extent it names: x=1,3,96,96 or batch=4; may be given again.")
  var shape: [NamedShape] = []
  @Option(
    help: ArgumentHelp(
      "Keep only what computes these outputs from these inputs: a,b:c,d (a:0::b:0 for names with colons).",
      valueName: "inputs:outputs"))
  var extract: String?
  @Flag(name: .customLong("no-optimize"), help: "Leave the nodes as they are, but for what is asked.")
  var keepsNodes = false
  @Flag(help: "Also write the packed weights beside the model, for this processor: it then opens in a moment.")
  var prepack = false
  @Flag(help: "With --prepack: pack weights into no more memory than they take in the model.")
  var lowMemory = false
  @Option(help: "Seconds after which the command gives up with status 1.")
  var timeLimit: Double?
  @Flag(help: "Print nothing but errors.")
  var quiet = false

  func validate() throws {
    if let opset, !(1...28).contains(opset) { throw ValidationError("--opset is 1 to 28, not \(opset)") }
    if output == nil, !prepack { throw ValidationError("name the model to write, or give --prepack") }
    if output == nil, opset != nil || fp16 || externalData || extract != nil || keepsNodes {
      throw ValidationError("name the model to write: a conversion is asked for")
    }
    if lowMemory, !prepack { throw ValidationError("--low-memory goes with --prepack") }
    if extract != nil, cut == nil {
      throw ValidationError("--extract is INPUTS:OUTPUTS, each a list of names with commas between")
    }
  }

  func run() throws {
    try CommandStatus.report {
      TimeLimit.start(seconds: timeLimit, command: input)
      if let output { try convert(to: output) }
      if prepack { try pack(output ?? input) }
      TimeLimit.stop()
    }
  }

  private var shapes: [String: Shape] {
    Dictionary(shape.map { ($0.name, $0.shape) }, uniquingKeysWith: { _, last in last })
  }

  private func pack(_ path: String) throws {
    var options = ModelOptions()
    options.savesMemory = lowMemory
    options.cacheFolder = ""
    let model = try Model(path: path, options: options)
    var source = InputSource()
    // A conversion has fixed the shapes that it was given.
    if output == nil { source.shapes = shapes }
    var known: [String: Shape] = [:]
    for (input, type) in zip(model.inputs, try source.types(for: model) ?? []) { known[input.name] = type.shape }
    let written = try model.writePackedWeights(known)
    if !quiet { print("packed weights are in \(written)") }
  }

  private func convert(to output: String) throws {
    var conversion = ModelConversion()
    conversion.optimizes = !keepsNodes
    conversion.opset = opset
    conversion.storesHalves = fp16
    conversion.shapes = shapes
    conversion.cut = cut
    let source = try ONNXImporter.load(path: input)
    let model: ONNXModel, notes: [String]
    do {
      (model, notes) = try conversion.convert(source, name: input)
    } catch let error as CompileError {
      throw VisemeError.compiling(model: input, error)
    }
    try ONNXExporter.write(
      model, to: output, options: ONNXExporter.Options(externalDataThreshold: externalData ? 1024 : nil))
    if !quiet { for note in notes { print(note) } }
  }

  private var cut: (inputs: [String], outputs: [String])? {
    guard let extract else { return nil }
    // Names may hold single colons (TensorFlow's “x:0”); then two stand between.
    let parts = extract.split(separator: "::", omittingEmptySubsequences: false)
    let sides = parts.count == 2 ? parts : extract.split(separator: ":", omittingEmptySubsequences: false)
    guard sides.count == 2 else { return nil }
    let names = sides.map { $0.split(separator: ",").map(String.init) }
    return names[1].isEmpty ? nil : (names[0], names[1])
  }
}
