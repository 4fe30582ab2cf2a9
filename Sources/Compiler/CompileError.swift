import GraphIR

/// Why a model cannot be compiled, planned or run.
public enum CompileError: Error, Hashable, Sendable, CustomStringConvertible {
  case operatorProblem(OperatorError)
  case graphProblem(GraphError)
  /// An input that does not fit what the model declares.
  case input(name: String, problem: String)
  /// An output that is not what the caller asks for.
  case output(name: String, problem: String)
  /// The memory that a value or the whole plan needs is above the limit.
  case memory(place: String, byteCount: Int?, limit: Int)

  public var description: String {
    switch self {
    case .operatorProblem(let error): error.description
    case .graphProblem(let error): error.description
    case .input(let name, let problem): "input “\(name)”: \(problem)"
    case .output(let name, let problem): "output “\(name)”: \(problem)"
    case .memory(let place, let byteCount, let limit):
      "\(place) needs \(byteCount.map { "\($0 >> 20) MiB" } ?? "more bytes than can be counted"), "
        + "above the memory limit of \(limit >> 20) MiB"
    }
  }
}

extension CompileError {
  /// The error as a node with subgraphs hands it on.
  func operatorError(in node: String) -> OperatorError {
    switch self {
    case .operatorProblem(let error): error
    case .memory: OperatorError(.tooLarge, node: node, description)
    case .graphProblem, .input, .output: OperatorError(.invalid, node: node, description)
    }
  }
}
