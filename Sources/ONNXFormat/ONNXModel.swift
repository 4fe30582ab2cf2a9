import Files
import GraphIR

/// A model file: its graph, and what the file says about it.
public struct ONNXModel: Sendable {
  public var graph: Graph
  /// Operator set versions by domain; ONNX's own domain is the empty string.
  public var opsets: [String: Int]
  public var irVersion: Int
  public var producerName = ""
  public var producerVersion = ""
  public var domain = ""
  public var modelVersion = 0
  /// What exporters noted down, by key.
  public var metadata: [String: String] = [:]
  /// Operators that the model defines itself.
  public var functions: [ONNXFunction] = []
  /// The files that constants of the graph still lie in.
  public internal(set) var mappings: [MappedFile] = []

  /// What the file says besides the data of its larger tensors; nil for a model that was made in memory.
  public internal(set) var structureHash: ContentHash?

  public init(graph: Graph, opsets: [String: Int], irVersion: Int = 10) {
    self.graph = graph
    self.opsets = opsets
    self.irVersion = irVersion
  }

  /// Lets the system take back the memory of weights that were read; they come back from the file when needed again.
  public func adviseUnneeded() {
    for mapping in mappings { mapping.adviseUnneeded() }
  }
}

/// An operator that a model defines by a graph of others.
public struct ONNXFunction: Sendable {
  public struct ID: Hashable, Sendable {
    public var domain: String
    public var name: String
    public var overload: String

    public init(domain: String, name: String, overload: String = "") {
      self.domain = domain
      self.name = name
      self.overload = overload
    }

    /// The operator of the nodes that call it: the name, with the overload if there is one.
    public var operatorName: String { overload.isEmpty ? name : "\(name):\(overload)" }
  }

  public var id: ID
  /// Attributes without a default.
  public var attributeNames: [String]
  public var attributeDefaults: [String: Attribute]
  public var opsets: [String: Int]
  /// The graph, whose inputs and outputs are the parameters in order; attributes may be `.reference`.
  public var body: Graph

  public init(
    id: ID, attributeNames: [String] = [], attributeDefaults: [String: Attribute] = [:], opsets: [String: Int],
    body: Graph
  ) {
    self.id = id
    self.attributeNames = attributeNames
    self.attributeDefaults = attributeDefaults
    self.opsets = opsets
    self.body = body
  }
}
