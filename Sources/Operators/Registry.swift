import GraphIR

/// Finds the operator that implements a node.
public struct OperatorRegistry: Sendable {
  private struct Key: Hashable {
    var domain: String
    var name: String
  }
  private var types: [Key: [(versions: ClosedRange<Int>, type: any Operator.Type)]] = [:]

  public init(_ types: [any Operator.Type]) {
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

  /// Every operator as `domain.name`, sorted.
  public var names: [String] {
    types.keys.map { $0.domain.isEmpty ? $0.name : "\($0.domain).\($0.name)" }.sorted()
  }
}
