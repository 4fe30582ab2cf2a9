import CViseme
import Compiler
import GraphIR
import ONNXFormat
import Viseme

/// Why a call failed, as C is told.
struct Failure: Error {
  var status: Int
  var node = ""
  var operatorName = ""
  var reason: String
  var message: String

  init(_ status: Int, _ reason: String) {
    self.status = status
    self.reason = reason
    message = reason
  }

  /// A call that breaks the rules of `viseme.h`.
  static func argument(_ reason: String) -> Failure { Failure(VISEME_INVALID_ARGUMENT, reason) }
  static func memory(_ reason: String) -> Failure { Failure(VISEME_MEMORY, reason) }
}

extension Failure {
  init(_ error: VisemeError) {
    switch error {
    case .importing(let problem): self.init(problem)
    case .compiling(_, let problem): self.init(problem)
    case .packedWeights: self.init(Int(VISEME_SYSTEM), "\(error)")
    case .unknownName: self.init(Int(VISEME_INVALID_ARGUMENT), "\(error)")
    }
    message = "\(error)"
  }

  private init(_ error: ImportError) {
    self.init(error.problem.status, "\(error.problem)")
    place(error.place)
  }

  private init(_ error: CompileError) {
    switch error {
    case .operatorProblem(let problem):
      self.init(problem.kind.status, problem.reason)
      place(problem.node)
    case .graphProblem(let problem):
      self.init(VISEME_INVALID_MODEL, problem.problem)
      place(problem.place)
    case .input(let name, let problem): self.init(VISEME_INVALID_INPUT, "input “\(name)”: \(problem)")
    case .output(let name, let problem): self.init(VISEME_INVALID_ARGUMENT, "output “\(name)”: \(problem)")
    case .memory: self.init(VISEME_MEMORY, "\(error)")
    }
  }

  /// Takes apart what `Node.label` makes: the operator, “ node”, and the node's name if it has one.
  private mutating func place(_ label: String) {
    node = label
    let marker: [UInt8] = Array(" node".utf8)
    let bytes = Array(label.utf8)
    for start in bytes.indices.dropLast(marker.count - 1) where bytes[start...].starts(with: marker) {
      operatorName = String(decoding: bytes[..<start], as: UTF8.self)
      return
    }
  }
}

extension OperatorError.Kind {
  fileprivate var status: Int {
    switch self {
    case .unsupported: VISEME_UNSUPPORTED
    case .invalid: VISEME_INVALID_MODEL
    case .tooLarge: VISEME_MEMORY
    case .cancelled: VISEME_CANCELLED
    case .timeLimit: VISEME_TIME
    }
  }
}

extension ImportError.Problem {
  fileprivate var status: Int {
    switch self {
    case .unreadable, .notAFile: VISEME_SYSTEM
    case .tooLarge, .tooMany: VISEME_MEMORY
    case .unsupported: VISEME_UNSUPPORTED
    case .empty, .notONNX, .malformed, .nestedTooDeeply, .missingGraph, .missingOpset, .conflictingOpsets,
      .missingName, .repeatedName, .undefinedName, .cycle, .invalidTensor, .invalidAttribute, .externalData,
      .invalidFunction:
      VISEME_INVALID_MODEL
    }
  }
}

/// Runs `body`; what it throws becomes the thread's last error, and its status the result.
func reporting(_ body: () throws(Failure) -> Void) -> Int32 {
  do {
    try body()
    return Int32(VISEME_OK)
  } catch {
    return cviseme_set_error(Int32(error.status), error.message, error.node, error.operatorName, error.reason)
  }
}

/// Runs `body` with errors of the Swift API turned into failures.
func translating<Result>(_ body: () throws(VisemeError) -> Result) throws(Failure) -> Result {
  do {
    return try body()
  } catch {
    throw Failure(error)
  }
}
