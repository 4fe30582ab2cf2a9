import Tensors

/// Names a value within one graph.
public struct ValueID: Hashable, Sendable, Comparable {
  public let index: Int
  public init(index: Int) { self.index = index }
  public static func < (a: ValueID, b: ValueID) -> Bool { a.index < b.index }
}

/// An edge of the graph: what a node makes, what a caller gives, or a constant.
public struct Value: Sendable {
  /// The name in the model; unique within the graph.
  public var name: String
  public var type: ValueType

  public init(name: String, type: ValueType = .unknown) {
    self.name = name
    self.type = type
  }
}

/// One application of an operator.
public struct Node: Sendable {
  public var name: String
  /// The operator's name, such as `Conv`.
  public var operatorName: String
  /// The operator set it belongs to; empty for ONNX's own.
  public var domain: String
  /// The version of that operator set the model asks for.
  public var version: Int
  /// Nil where an optional input is absent.
  public var inputs: [ValueID?]
  /// Nil where an optional output is not wanted.
  public var outputs: [ValueID?]
  public var attributes: [String: Attribute]
  /// The operator with its attributes decoded; nil until operators are resolved.
  public var implementation: (any Operator)?

  public init(
    name: String = "", operatorName: String, domain: String = "", version: Int, inputs: [ValueID?],
    outputs: [ValueID?], attributes: [String: Attribute] = [:], implementation: (any Operator)? = nil
  ) {
    self.name = name
    self.operatorName = operatorName
    self.domain = domain
    self.version = version
    self.inputs = inputs
    self.outputs = outputs
    self.attributes = attributes
    self.implementation = implementation
  }
}

/// A computation: nodes in an order in which every value is made before it is used.
///
/// A value type. Editing goes through the methods of `Graph+Edit.swift`, which keep it well formed; `verify()` says
/// whether it is.
public struct Graph: Sendable {
  public var name: String
  public var values: [Value]
  public var nodes: [Node]
  /// What a caller must give, in the model's order. Values that also have an initializer are not listed.
  public var inputs: [ValueID]
  public var outputs: [ValueID]
  /// Constants by value.
  public var constants: [ValueID: Tensor]
  /// Values of the enclosing graph that this subgraph reads: `(outside, inside)`.
  public var captures: [Capture]

  /// A value of the enclosing graph, and the value that stands for it inside.
  public struct Capture: Hashable, Sendable {
    public var outerName: String
    public var inner: ValueID
    public init(outerName: String, inner: ValueID) {
      self.outerName = outerName
      self.inner = inner
    }
  }

  public init(name: String = "") {
    self.name = name
    values = []
    nodes = []
    inputs = []
    outputs = []
    constants = [:]
    captures = []
  }

  public subscript(id: ValueID) -> Value {
    get { values[id.index] }
    set { values[id.index] = newValue }
  }
}
