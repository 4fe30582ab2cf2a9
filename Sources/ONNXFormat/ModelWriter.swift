import GraphIR
import Tensors

/// Encodes a model as `ModelProto`. Field numbers are those of `onnx.proto`.
final class ModelWriter {
  private let model: ONNXModel
  private let path: String
  private let dataName: String
  private let options: ONNXExporter.Options
  /// The functions by what nodes call them.
  private let functions: [String: ONNXFunction.ID]
  private(set) var external: [ExternalTensor] = []
  private var externalByteCount = 0
  /// The versions that nodes of the graph or function at hand may ask for.
  private var opsets: [String: Int] = [:]

  /// Pages, so that every runtime can map what it reads.
  private static let externalAlignment = 4096

  init(_ model: ONNXModel, path: String, dataName: String, options: ONNXExporter.Options) {
    self.model = model
    self.path = path
    self.dataName = dataName
    self.options = options
    let ids = model.functions.map(\.id).filter { !$0.overload.isEmpty }
    functions = Dictionary(ids.map { ($0.domain + "." + $0.operatorName, $0) }, uniquingKeysWith: { first, _ in first })
  }

  func encode() throws(ExportError) -> MessageWriter {
    var message = MessageWriter()
    // Before version 4 every initializer would have to be an input as well.
    message.int(1, max(model.irVersion, 4))
    if !model.producerName.isEmpty { message.string(2, model.producerName) }
    if !model.producerVersion.isEmpty { message.string(3, model.producerVersion) }
    if !model.domain.isEmpty { message.string(4, model.domain) }
    if model.modelVersion != 0 { message.int(5, model.modelVersion) }
    opsets = model.opsets
    message.message(7, try graph(model.graph, in: nil))
    write(opsets, to: 8, of: &message)
    for (key, value) in model.metadata.sorted(by: { $0.key < $1.key }) { message.message(14, pair(key, value)) }
    for function in model.functions { message.message(25, try self.function(function)) }
    return message
  }

  private func write(_ opsets: [String: Int], to field: Int, of message: inout MessageWriter) {
    for (domain, version) in opsets.sorted(by: { $0.key < $1.key }) {
      var entry = MessageWriter()
      entry.string(1, domain)
      entry.int(2, version)
      message.message(field, entry)
    }
  }

  private func pair(_ key: String, _ value: String) -> MessageWriter {
    var message = MessageWriter()
    message.string(1, key)
    message.string(2, value)
    return message
  }

  // MARK: Graphs

  private func graph(_ graph: Graph, in parent: NameScope?) throws(ExportError) -> MessageWriter {
    let scope = NameScope(graph, parent: parent)
    var message = MessageWriter()
    for node in graph.nodes { message.message(1, try self.node(node, scope)) }
    message.string(2, graph.name.isEmpty ? "graph" : graph.name)
    for (id, tensor) in graph.constants.sorted(by: { $0.key < $1.key }) {
      message.message(5, self.tensor(tensor, name: scope[id]))
    }
    for id in graph.inputs { message.message(11, valueInfo(scope[id], graph[id].type)) }
    for id in graph.outputs { message.message(12, valueInfo(scope[id], graph[id].type)) }
    for (name, type) in innerTypes(graph, scope) { message.message(13, valueInfo(name, type)) }
    return message
  }

  private func function(_ function: ONNXFunction) throws(ExportError) -> MessageWriter {
    var message = MessageWriter()
    let body = function.body
    let scope = NameScope(body, parent: nil)
    opsets = function.opsets
    message.string(1, function.id.name)
    for id in body.inputs { message.string(4, scope[id]) }
    for id in body.outputs { message.string(5, scope[id]) }
    for name in function.attributeNames { message.string(6, name) }
    for (id, tensor) in body.constants.sorted(by: { $0.key < $1.key }) {
      let constant = Node(
        operatorName: "Constant", version: opsets[""] ?? 13, inputs: [], outputs: [id],
        attributes: ["value": .tensor(tensor)])
      message.message(7, try node(constant, scope))
    }
    for node in body.nodes { message.message(7, try self.node(node, scope)) }
    write(opsets, to: 9, of: &message)
    message.string(10, function.id.domain)
    for (name, value) in function.attributeDefaults.sorted(by: { $0.key < $1.key }) {
      message.message(11, try attribute(name, value, scope))
    }
    if !function.id.overload.isEmpty { message.string(13, function.id.overload) }
    return message
  }

  /// Types of the values that are neither inputs nor outputs nor constants, where they are known.
  private func innerTypes(_ graph: Graph, _ scope: NameScope) -> [(String, ValueType)] {
    let listed = Set(graph.inputs).union(graph.outputs).union(graph.captures.map(\.inner))
    let made = graph.nodes.flatMap { $0.outputs.compactMap { $0 } }
    return made.filter { !listed.contains($0) && graph[$0].type != .unknown }.map { (scope[$0], graph[$0].type) }
  }

  private func valueInfo(_ name: String, _ type: ValueType) -> MessageWriter {
    var message = MessageWriter()
    message.string(1, name)
    if type != .unknown { message.message(2, typeMessage(type)) }
    return message
  }

  // MARK: Nodes

  private func node(_ node: Node, _ scope: NameScope) throws(ExportError) -> MessageWriter {
    try checkVersion(of: node)
    var message = MessageWriter()
    for input in node.inputs { message.string(1, input.map { scope[$0] } ?? "") }
    for output in node.outputs { message.string(2, output.map { scope[$0] } ?? "") }
    if !node.name.isEmpty { message.string(3, node.name) }
    let function = functions[node.domain + "." + node.operatorName]
    message.string(4, function?.name ?? node.operatorName)
    for (name, value) in node.attributes.sorted(by: { $0.key < $1.key }) {
      message.message(5, try attribute(name, value, scope))
    }
    if !node.domain.isEmpty { message.string(7, node.domain) }
    if let function { message.string(8, function.overload) }
    return message
  }

  private func checkVersion(of node: Node) throws(ExportError) {
    guard let imported = opsets[node.domain] else {
      opsets[node.domain] = node.version
      return
    }
    guard imported == node.version else {
      let problem = ExportError.Problem.conflictingOpsets(
        domain: node.domain, imported: imported, used: node.version)
      throw ExportError(path: path, place: node.label, problem: problem)
    }
  }

  private func attribute(_ name: String, _ value: Attribute, _ scope: NameScope) throws(ExportError) -> MessageWriter {
    var message = MessageWriter()
    message.string(1, name)
    var kind = 0
    switch value {
    case .float(let number):
      kind = 1
      message.float(2, number)
    case .int(let number):
      kind = 2
      message.int(3, number)
    case .string(let text):
      kind = 3
      message.data(4, text)
    case .tensor(let tensor):
      kind = 4
      message.message(5, self.tensor(tensor, name: ""))
    case .graph(let graph):
      kind = 5
      message.message(6, try self.graph(graph, in: scope))
    case .floats(let numbers):
      kind = 6
      for number in numbers { message.float(7, number) }
    case .ints(let numbers):
      kind = 7
      for number in numbers { message.int(8, number) }
    case .strings(let texts):
      kind = 8
      for text in texts { message.data(9, text) }
    case .tensors(let tensors):
      kind = 9
      for tensor in tensors { message.message(10, self.tensor(tensor, name: "")) }
    case .graphs(let graphs):
      kind = 10
      for graph in graphs { message.message(11, try self.graph(graph, in: scope)) }
    case .type(let type):
      kind = 13
      message.message(14, typeMessage(type))
    case .reference(let parameter):
      message.string(21, parameter)
    }
    message.int(20, kind)
    return message
  }

  // MARK: Tensors and types

  private func tensor(_ tensor: Tensor, name: String) -> MessageWriter {
    guard let threshold = options.externalDataThreshold, tensor.byteCount >= threshold, tensor.byteCount > 0 else {
      return .tensor(tensor, name: name)
    }
    var message = MessageWriter.tensorHeader(tensor, name: name)
    let alignment = Self.externalAlignment
    let offset = (externalByteCount + alignment - 1) / alignment * alignment
    external.append(ExternalTensor(offset: offset, tensor: tensor))
    externalByteCount = offset + tensor.byteCount
    message.message(13, pair("location", dataName))
    message.message(13, pair("offset", String(offset)))
    message.message(13, pair("length", String(tensor.byteCount)))
    message.int(14, 1)
    return message
  }

  private func typeMessage(_ type: ValueType) -> MessageWriter {
    var message = MessageWriter()
    var content = MessageWriter()
    switch type {
    case .tensor(let tensor):
      content.int(1, Int(tensor.dataType?.rawValue ?? 0))
      if let dims = tensor.dims { content.message(2, shapeMessage(dims)) }
      message.message(1, content)
    case .sequence(let element):
      content.message(1, typeMessage(element))
      message.message(4, content)
    case .optional(let element):
      content.message(1, typeMessage(element))
      message.message(9, content)
    case .unknown: break
    }
    return message
  }

  private func shapeMessage(_ dims: [Dimension]) -> MessageWriter {
    var message = MessageWriter()
    for dim in dims {
      var content = MessageWriter()
      switch dim {
      case .fixed(let extent): content.int(1, extent)
      case .symbol(let name): content.string(2, name)
      case .unknown: break
      }
      message.message(1, content)
    }
    return message
  }
}

/// The names values are written under: unique in their graph and in those around it.
private final class NameScope {
  private let parent: NameScope?
  private var names: [String] = []
  private var taken = UniqueNames()
  private var byOriginal: [String: String] = [:]

  init(_ graph: Graph, parent: NameScope?) {
    self.parent = parent
    let captured = Dictionary(graph.captures.map { ($0.inner, $0.outerName) }, uniquingKeysWith: { first, _ in first })
    names.reserveCapacity(graph.values.count)
    for (index, value) in graph.values.enumerated() {
      let name: String
      if let outerName = captured[ValueID(index: index)] {
        name = parent?.byOriginal[outerName] ?? outerName
      } else {
        let wanted = value.name.isEmpty ? "value_\(index)" : value.name
        name = taken.claim(wanted) { parent?.isTaken($0) ?? false }
      }
      names.append(name)
      if byOriginal[value.name] == nil { byOriginal[value.name] = name }
    }
  }

  subscript(id: ValueID) -> String { names[id.index] }

  private func isTaken(_ name: String) -> Bool { taken.contains(name) || (parent?.isTaken(name) ?? false) }
}
