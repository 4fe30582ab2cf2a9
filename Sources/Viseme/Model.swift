import Compiler
import GraphIR
import ONNXFormat
import Operators
@_exported import Tensors

/// How a model is opened.
public struct ModelOptions: Sendable {
  /// Threads that each session uses, the caller's included.
  public var threads: Int
  /// Runs every operator by its scalar reference, without optimization: what results are compared with.
  public var isReference: Bool
  /// Bytes that weights and one session's values may take together; nil for three quarters of the machine's memory.
  public var memoryLimit: Int?

  public init(threads: Int = 1, isReference: Bool = false, memoryLimit: Int? = nil) {
    self.threads = threads
    self.isReference = isReference
    self.memoryLimit = memoryLimit
  }

  var compileOptions: CompileOptions {
    var options = CompileOptions(threads: threads, isReference: isReference)
    if let memoryLimit { options.memoryLimit = memoryLimit }
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

  public var description: String {
    switch self {
    case .importing(let error): "\(error)"
    case .compiling(let model, let error): "\(model): \(error)"
    case .unknownName(let model, let name, let known):
      "\(model): there is no “\(name)”; there are \(known.joined(separator: ", "))"
    }
  }
}

/// An ONNX model, optimized and ready to run: immutable, and shared by any number of sessions and threads.
public final class Model: Sendable {
  /// What errors call the model: its path, or the name it was given.
  public let name: String
  public let program: Program

  /// Opens an `.onnx` file. Weights stay in the mapped file until they are packed.
  public convenience init(path: String, options: ModelOptions = ModelOptions()) throws(VisemeError) {
    do {
      try self.init(ONNXImporter.load(path: path).graph, name: path, options: options)
    } catch let error as ImportError {
      throw .importing(error)
    } catch {
      throw error as! VisemeError
    }
  }

  /// Compiles a graph built in memory.
  public init(_ graph: Graph, name: String, options: ModelOptions = ModelOptions()) throws(VisemeError) {
    self.name = name
    do {
      program = try Program(graph, options: options.compileOptions)
    } catch {
      throw .compiling(model: name, error)
    }
  }

  /// The names and types of the inputs, in the model's order.
  public var inputs: [(name: String, type: TensorType)] { describe(program.graph.inputs) }
  /// The names and types of the outputs, in the model's order.
  public var outputs: [(name: String, type: TensorType)] { describe(program.graph.outputs) }

  private func describe(_ ids: [ValueID]) -> [(name: String, type: TensorType)] {
    ids.map { id in
      let value = program.graph[id]
      return (value.name, value.type.tensor ?? TensorType(nil, nil))
    }
  }
}
