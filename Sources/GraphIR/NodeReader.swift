import Tensors

/// Reads a node's attributes, with types and absence checked.
public struct NodeReader: Sendable {
  public let node: Node

  public init(_ node: Node) { self.node = node }

  public var version: Int { node.version }
  public var inputCount: Int { node.inputs.count }
  public var outputCount: Int { node.outputs.count }

  public func has(_ name: String) -> Bool { node.attributes[name] != nil }
  public func hasInput(_ index: Int) -> Bool { index < node.inputs.count && node.inputs[index] != nil }

  public func int(_ name: String, default fallback: Int) throws(OperatorError) -> Int {
    try int(name) ?? fallback
  }

  public func int(_ name: String) throws(OperatorError) -> Int? {
    switch node.attributes[name] {
    case nil: return nil
    case .int(let value): return value
    default: throw wrongType(name, "an integer")
    }
  }

  public func bool(_ name: String, default fallback: Bool) throws(OperatorError) -> Bool {
    try int(name).map { $0 != 0 } ?? fallback
  }

  public func float(_ name: String, default fallback: Float) throws(OperatorError) -> Float {
    try float(name) ?? fallback
  }

  public func float(_ name: String) throws(OperatorError) -> Float? {
    switch node.attributes[name] {
    case nil: return nil
    case .float(let value): return value
    default: throw wrongType(name, "a float")
    }
  }

  public func ints(_ name: String) throws(OperatorError) -> [Int]? {
    switch node.attributes[name] {
    case nil: return nil
    case .ints(let values): return values
    default: throw wrongType(name, "a list of integers")
    }
  }

  public func floats(_ name: String) throws(OperatorError) -> [Float]? {
    switch node.attributes[name] {
    case nil: return nil
    case .floats(let values): return values
    default: throw wrongType(name, "a list of floats")
    }
  }

  public func string(_ name: String, default fallback: String) throws(OperatorError) -> String {
    try string(name) ?? fallback
  }

  public func string(_ name: String) throws(OperatorError) -> String? {
    switch node.attributes[name] {
    case nil: return nil
    case .string(let bytes): return String(decoding: bytes, as: UTF8.self)
    default: throw wrongType(name, "a string")
    }
  }

  public func tensor(_ name: String) throws(OperatorError) -> Tensor? {
    switch node.attributes[name] {
    case nil: return nil
    case .tensor(let value): return value
    default: throw wrongType(name, "a tensor")
    }
  }

  /// Checks how many inputs the node lists, and that those which must be there are no empty names: as many as the least
  /// allowed, or all where there is no most.
  ///
  /// - Parameter mayLackAny: whether any input may be absent, as in other domains than ONNX's own.
  public func expectInputs(_ range: ClosedRange<Int>, mayLackAny: Bool = false) throws(OperatorError) {
    guard range.contains(inputCount) else {
      throw invalid("has \(inputCount) inputs; \(range.lowerBound) to \(range.upperBound) are allowed")
    }
    guard !mayLackAny, node.domain.isEmpty || node.domain == "ai.onnx" else { return }
    let required = range.upperBound == .max ? inputCount : range.lowerBound
    if let index = (0..<required).first(where: { node.inputs[$0] == nil }) { throw invalid("input \(index) is missing") }
  }

  public func invalid(_ reason: String) -> OperatorError { OperatorError(.invalid, node: node.label, reason) }
  public func unsupported(_ reason: String) -> OperatorError { OperatorError(.unsupported, node: node.label, reason) }

  private func wrongType(_ name: String, _ wanted: String) -> OperatorError {
    invalid("attribute “\(name)” is not \(wanted)")
  }
}
