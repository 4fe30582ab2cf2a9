import Compiler
import GraphIR
import ONNXFormat

extension VisemeError {
  /// Whether the model is correct ONNX, as far as can be told, that Viseme does not implement.
  public var isUnsupported: Bool {
    switch self {
    case .importing(let error): return error.isUnsupported
    case .compiling(_, .operatorProblem(let error)): return error.kind == .unsupported
    case .compiling, .unknownName, .packedWeights: return false
    }
  }
}
