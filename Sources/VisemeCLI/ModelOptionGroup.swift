import ArgumentParser
import Compiler
import Inspection
import Viseme

/// The model a command works on, and how it is opened.
struct ModelOptionGroup: ParsableArguments {
  @Argument(help: "The model, an .onnx file.")
  var model: String
  @OptionGroup var threading: ThreadOptionGroup
  @Flag(help: "Run every operator by its scalar reference, without optimization: slow, for comparison.")
  var reference = false
  @Option(help: "Memory that weights and values may take, such as 512M or 2G. Without it: 3/4 of the machine's.")
  var memoryLimit: ByteCount?
  @Flag(help: "Pack weights into no more memory than they take in the model, at the price of speed.")
  var lowMemory = false
  @Option(
    help: ArgumentHelp(
      "Folder that keeps packed weights, so that the model opens sooner next time; auto: ~/.cache/viseme. Without it: $VISEME_CACHE, or none.",
      valueName: "folder"))
  var cacheDir: String?
  @Option(help: "Seconds after which the command gives up with status 1.")
  var timeLimit: Double?
  @Option(
    name: .customLong("without"),
    help: "An optimization to leave out (\(Pipeline.stageNames.joined(separator: ", "))); may be given again.")
  var withoutPasses: [String] = []

  func validate() throws {
    if let timeLimit, !(timeLimit > 0 && timeLimit < 1e8) {
      throw ValidationError("--time-limit is a number of seconds above 0")
    }
    for name in withoutPasses where !Pipeline.stageNames.contains(name) {
      throw ValidationError(
        "--without names “\(name)”, which is no optimization; there are \(Pipeline.stageNames.joined(separator: ", "))")
    }
  }

  var options: ModelOptions {
    var options = ModelOptions(threads: threading.threads, isReference: reference, memoryLimit: memoryLimit?.value)
    options.withoutPasses = Set(withoutPasses)
    options.savesMemory = lowMemory
    options.cacheFolder = cacheDir
    return options
  }
}

/// Where the inputs come from.
struct InputOptionGroup: ParsableArguments {
  @Option(help: "Folder with input_0.pb and so on, in the order of the model's inputs.")
  var inputDir: String?
  @Option(
    parsing: .upToNextOption,
    help: "Inputs from files: FILE or NAME=FILE (.npy, .npz, .pb). Without a name: the next input, or an archive's names.")
  var inputs: [String] = []
  @Option(help: "Seed of random contents for the inputs that are not given: floats from -1 to 1, integers 0 or 1.")
  var random: UInt64?
  @Option(help: "The shape of a random input, or the value of an extent it names: x=1,3,96,96 or batch=4; may be given again.")
  var shape: [NamedShape] = []

  /// - Parameter seed: for commands that make up what they are not given.
  func source(memoryLimit: Int?, seed: UInt64? = nil) -> InputSource {
    var source = InputSource()
    source.folder = inputDir
    source.files = inputs.map { text in
      // A path may hold an equals sign; a name before it must not look like one.
      guard let mark = text.firstIndex(of: "="), !text[..<mark].contains("/") else { return (nil, text) }
      return (String(text[..<mark]), String(text[text.index(after: mark)...]))
    }
    source.seed = random ?? seed
    source.shapes = Dictionary(shape.map { ($0.name, $0.shape) }, uniquingKeysWith: { _, last in last })
    source.byteLimit = memoryLimit ?? CompileOptions.defaultMemoryLimit
    return source
  }
}

/// A number of bytes, with K, M, G or T behind it if wanted.
struct ByteCount: ExpressibleByArgument {
  var value: Int

  init?(argument: String) {
    let units: [Character: Int] = ["K": 10, "M": 20, "G": 30, "T": 40]
    let shift = argument.last.flatMap { units[Character($0.uppercased())] }
    guard let number = Int(shift == nil ? argument : String(argument.dropLast())), number > 0,
      number <= Int.max >> (shift ?? 0)
    else { return nil }
    value = number << (shift ?? 0)
  }
}

/// A name and extents: `x=1,3,96,96`, or `x=` for a scalar.
struct NamedShape: ExpressibleByArgument {
  var name: String
  var shape: Shape

  init?(argument: String) {
    guard let mark = argument.lastIndex(of: "="), mark != argument.startIndex else { return nil }
    let parts = argument[argument.index(after: mark)...].split(separator: ",", omittingEmptySubsequences: true)
    var dims: [Int] = []
    for part in parts {
      guard let extent = Int(part.filter { $0 != " " }), extent >= 0 else { return nil }
      dims.append(extent)
    }
    name = String(argument[..<mark])
    shape = Shape(dims)
  }
}
