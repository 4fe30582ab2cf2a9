import GraphIR

/// Finds the operator that implements a node.
public struct OperatorRegistry: Sendable {
  private struct Key: Hashable {
    var domain: String
    var name: String
  }
  private var types: [Key: [(versions: ClosedRange<Int>, type: any Operator.Type)]] = [:]
  private var composites: [Key: any CompositeOperator.Type] = [:]

  public init(_ types: [any Operator.Type], composites: [any CompositeOperator.Type] = []) {
    for type in composites {
      for signature in type.signatures { self.composites[Key(domain: signature.domain, name: signature.name)] = type }
    }
    for type in types {
      for signature in type.signatures {
        self.types[Key(domain: signature.domain, name: signature.name), default: []].append((signature.versions, type))
      }
    }
  }

  /// Decodes a node, or says that no operator of that name and version exists here.
  public func implementation(of node: Node) throws(OperatorError) -> any Operator {
    let domain = node.domain == "ai.onnx" ? "" : node.domain
    guard let candidates = types[Key(domain: domain, name: node.operatorName)] else {
      throw OperatorError(
        .unsupported, node: node.label, "the operator \(node.operatorName) is not implemented")
    }
    for candidate in candidates where candidate.versions.contains(node.version) {
      return try candidate.type.init(NodeReader(node))
    }
    let known = candidates.map { "\($0.versions.lowerBound) to \($0.versions.upperBound)" }.joined(separator: ", ")
    throw OperatorError(
      .unsupported, node: node.label,
      "\(node.operatorName) is not implemented at version \(node.version) of its operator set (known: \(known))")
  }

  /// Decodes a node whose operator is a composite; nil for all others.
  func composite(of node: Node) throws(OperatorError) -> (any CompositeOperator)? {
    guard let type = composites[Key(domain: node.domain, name: node.operatorName)] else { return nil }
    return try type.init(NodeReader(node))
  }

  /// Whether the node's operator is a composite.
  func isComposite(_ node: Node) -> Bool { composites[Key(domain: node.domain, name: node.operatorName)] != nil }

  /// Every operator as `domain.name`, sorted.
  public var names: [String] {
    (Array(types.keys) + composites.keys).map { $0.domain.isEmpty ? $0.name : "\($0.domain).\($0.name)" }.sorted()
  }
}
