import GraphIR

/// An operator that is a few others put together. Its nodes are replaced by theirs before anything else is done to a
/// graph, so that passes, fusion and layouts see no difference to a model that spells it out.
public protocol CompositeOperator: Sendable {
  static var signatures: [Signature] { get }

  /// Decodes the attributes of a node.
  init(_ node: NodeReader) throws(OperatorError)

  /// Adds the nodes that compute the outputs, and returns the outputs in the node's order; nil for one that is not
  /// wanted.
  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?]
}
