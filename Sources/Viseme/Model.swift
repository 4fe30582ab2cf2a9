import Compiler
import GraphIR
import ONNXFormat
import Operators
import WeightStore
@_exported import Tensors

/// How a model is opened.
public struct ModelOptions: Sendable {
  /// Threads that each session uses, the caller's included.
  public var threads: Int
  /// Runs every operator by its scalar reference, without optimization: what results are compared with.
  public var isReference: Bool
  /// Bytes that weights and one session's values may take together; nil for three quarters of the machine's memory.
  public var memoryLimit: Int?
  /// Names of optimizations to leave out (`Pipeline.stageNames`); for finding the one to blame.
  public var withoutPasses: Set<String> = []
  /// Packs weights into no more memory than they take in the model, at the price of speed.
  public var savesMemory = false
  /// A folder that keeps packed weights from process to process, `userCache`, or an empty name for none. Nil for what
  /// the environment's VISEME_CACHE says, which is none if there is no such variable.
  public var cacheFolder: String?

  /// Stands for the user's own folder: `$XDG_CACHE_HOME/viseme`, or `~/.cache/viseme`.
  public static let userCache = "auto"

  public init(threads: Int = 1, isReference: Bool = false, memoryLimit: Int? = nil) {
    self.threads = threads
    self.isReference = isReference
    self.memoryLimit = memoryLimit
  }

  var compileOptions: CompileOptions {
    var options = CompileOptions(threads: threads, isReference: isReference)
    if let memoryLimit { options.memoryLimit = memoryLimit }
    options.savesMemory = savesMemory
    options.omit(withoutPasses)
    return options
  }
}

/// Why a model cannot be opened or run.
public enum VisemeError: Error, Sendable, CustomStringConvertible {
  case importing(ImportError)
  /// The model is readable, but cannot be compiled, planned or run; `model` is its path or name.
  case compiling(model: String, CompileError)
  /// A name that the model does not have.
  case unknownName(model: String, name: String, known: [String])
  /// Packed weights cannot be written.
  case packedWeights(model: String, reason: String)

  public var description: String {
    switch self {
    case .importing(let error): "\(error)"
    case .compiling(let model, let error): "\(model): \(error)"
    case .unknownName(let model, let name, let known):
      "\(model): there is no “\(name)”; there are \(known.joined(separator: ", "))"
    case .packedWeights(let model, let reason): "\(model): packed weights: \(reason)"
    }
  }
}

/// An ONNX model, optimized and ready to run: immutable, and shared by any number of sessions and threads.
public final class Model: Sendable {
  /// What errors call the model: its path, or the name it was given.
  public let name: String
  public let program: Program

  /// The model's files as they are mapped; nil for a graph built in memory.
  private let source: ONNXModel?
  /// Where its packed weights are kept; nil where they are not.
  let store: PackedWeightStore?
  /// How the file was opened; nil for a model without one.
  let origin: Origin?

  struct Origin: Sendable {
    var path: String
    var options: ModelOptions
    var model: ONNXModel
  }

  /// Opens an `.onnx` file. Weights stay in the mapped file until they are packed.
  public convenience init(path: String, options: ModelOptions = ModelOptions()) throws(VisemeError) {
    try self.init(name: path, path: path, options: options) { () throws(ImportError) in
      try ONNXImporter.load(path: path)
    }
  }

  /// Reads an encoded model, whose bytes are copied; without `baseDirectory` it must not have external data.
  public convenience init(
    bytes: UnsafeRawBufferPointer, baseDirectory: String? = nil, name: String = "<memory>",
    options: ModelOptions = ModelOptions()
  ) throws(VisemeError) {
    try self.init(name: name, options: options) { () throws(ImportError) in
      try ONNXImporter.load(bytes: Array(bytes), baseDirectory: baseDirectory)
    }
  }

  private convenience init(
    name: String, path: String? = nil, options: ModelOptions, load: () throws(ImportError) -> ONNXModel
  ) throws(VisemeError) {
    let source: ONNXModel
    do {
      source = try load()
    } catch {
      throw .importing(error)
    }
    let expanded: ONNXModel
    do {
      expanded = try source.inliningFunctions()
    } catch {
      throw .compiling(model: name, .graphProblem(error))
    }
    let origin = path.map { Origin(path: $0, options: options, model: expanded) }
    try self.init(expanded.graph, source: expanded, origin: origin, name: name, options: options)
  }

  /// Compiles a graph built in memory.
  public convenience init(_ graph: Graph, name: String, options: ModelOptions = ModelOptions()) throws(VisemeError) {
    try self.init(graph, source: nil, origin: nil, name: name, options: options)
  }

  private convenience init(
    _ graph: Graph, source: ONNXModel?, origin: Origin?, name: String, options: ModelOptions
  ) throws(VisemeError) {
    let store = origin.flatMap { PackedWeightStore($0) }
    var compileOptions = options.compileOptions
    compileOptions.packedWeights = store
    do {
      let program = try Program(graph, options: compileOptions)
      self.init(program: program, name: name, source: source, origin: origin, store: store)
    } catch {
      throw .compiling(model: name, error)
    }
  }

  private init(
    program: Program, name: String, source: ONNXModel?, origin: Origin?, store: PackedWeightStore?
  ) {
    self.store = store
    self.origin = origin
    self.program = program
    self.name = name
    self.source = source
  }

  /// To be called when a session has made plans: keeps the packed weights, and lets the system take back the pages of
  /// the file that were read to pack them; they are read again if a new plan needs them.
  func finishPreparation() {
    keepPackedWeights()
    source?.adviseUnneeded()
  }

  /// The names and types of the inputs, in the model's order; nothing is known of the type of what is no tensor.
  public var inputs: [(name: String, type: TensorType)] { inputValues.map { ($0.name, $0.type.orOpenTensor) } }
  /// The names and types of the outputs, in the model's order.
  public var outputs: [(name: String, type: TensorType)] { outputValues.map { ($0.name, $0.type.orOpenTensor) } }

  /// The same for inputs that need not be tensors.
  public var inputValues: [(name: String, type: ValueType)] {
    program.graph.inputs.map { (program.graph[$0].name, program.graph[$0].type) }
  }
  /// The same for outputs that need not be tensors.
  public var outputValues: [(name: String, type: ValueType)] {
    zip(program.graph.outputs, program.outputTypes).map { (program.graph[$0].name, $1) }
  }
}

extension ValueType {
  fileprivate var orOpenTensor: TensorType { tensor ?? TensorType(nil, nil) }
}
