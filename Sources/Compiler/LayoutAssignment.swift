import GraphIR
import Operators
import Tensors

/// Gives every value a layout, and inserts conversions where a reader wants another one than the maker left.
///
/// One walk in the graph's order: an operator that works channels-last gets its inputs so and leaves its outputs so;
/// operators that take any layout keep what comes; all others, and the graph's outputs, get the model's own layout.
struct LayoutAssignment {
  private var graph: Graph
  private var layouts: [Layout]
  private var nodes: [Node] = []
  /// Conversions made so far, so that two readers share one.
  private var converted: [Conversion: ValueID] = [:]

  private struct Conversion: Hashable {
    var value: ValueID
    var layout: Layout
  }

  private init(_ graph: Graph) {
    self.graph = graph
    layouts = [Layout](repeating: .rowMajor, count: graph.values.count)
  }

  /// Rewrites the graph and returns the layout of each of its values.
  static func run(on graph: inout Graph) -> [Layout] {
    var assignment = LayoutAssignment(graph)
    for node in graph.nodes { assignment.assign(node) }
    for index in graph.outputs.indices {
      assignment.graph.outputs[index] = assignment.value(graph.outputs[index], in: .rowMajor)
    }
    graph = assignment.graph
    graph.nodes = assignment.nodes
    return assignment.layouts
  }

  private func operand(_ id: ValueID) -> Operand {
    let type = graph[id].type.tensor!
    return Operand(
      dataType: type.dataType!, shape: type.shape!, layout: layouts[id.index],
      constant: layouts[id.index].isChannelsLast ? nil : graph.constants[id])
  }

  private mutating func assign(_ node: Node) {
    var node = node
    let context = LayoutContext(
      node: node, inputs: node.inputs.map { $0.map(operand) }, outputs: node.outputs.map { $0.map(operand) })
    switch node.implementation!.layout(context) {
    case .rowMajor:
      for slot in node.inputs.indices { node.inputs[slot] = node.inputs[slot].map { value($0, in: .rowMajor) } }
    case .channelsLast(let inputs, let outputs):
      for slot in node.inputs.indices {
        guard let id = node.inputs[slot] else { continue }
        node.inputs[slot] = value(id, in: inputs.contains(slot) ? .dense(channelsLast: operand(id).shape) : .rowMajor)
      }
      for case let (slot, id?) in node.outputs.enumerated() where outputs.contains(slot) {
        layouts[id.index] = .dense(channelsLast: operand(id).shape)
      }
    case .any:
      keepLayout(of: &node, context)
    }
    nodes.append(node)
  }

  private mutating func keepLayout(of node: inout Node, _ context: LayoutContext) {
    let rank = context.outputs.first.flatMap { $0?.shape.rank } ?? 0
    guard (3...5).contains(rank) else {
      for slot in node.inputs.indices { node.inputs[slot] = node.inputs[slot].map { value($0, in: .rowMajor) } }
      return
    }
    // The largest operand decides, so that a small one is converted rather than a large one.
    let decisive = context.inputs.compactMap { $0 }
      .filter { $0.shape.rank == rank && $0.constant == nil }
      .max { $0.count < $1.count }
    let isChannelsLast = decisive?.layout.isChannelsLast ?? false
    for slot in node.inputs.indices {
      guard let id = node.inputs[slot] else { continue }
      let operand = self.operand(id)
      // Small constants broadcast; a whole image or volume is brought to the others' layout, once.
      let isWhole = operand.constant == nil || (operand.shape.rank == rank && operand.shape.count(2..<rank) > 1)
      guard operand.shape.rank == rank, isWhole else {
        node.inputs[slot] = value(id, in: .rowMajor)
        continue
      }
      node.inputs[slot] = value(id, in: isChannelsLast ? .dense(channelsLast: operand.shape) : .rowMajor)
    }
    guard isChannelsLast else { return }
    for case let id? in node.outputs where operand(id).shape.rank == rank {
      layouts[id.index] = .dense(channelsLast: operand(id).shape)
    }
  }

  /// The value itself, or a conversion of it.
  private mutating func value(_ id: ValueID, in layout: Layout) -> ValueID {
    guard layouts[id.index] != layout else { return id }
    let key = Conversion(value: id, layout: layout)
    if let known = converted[key] { return known }
    let type = graph[id].type
    let result = graph.addValue("\(graph[id].name) (\(layout.isChannelsLast ? "channels-last" : "row-major"))", type: type)
    layouts.append(layout)
    converted[key] = result
    if let constant = graph.constants[id], let tensor = constant.relaid(from: layouts[id.index], to: layout) {
      graph.constants[result] = tensor
      return result
    }
    nodes.append(
      Node(
        name: graph[id].name, operatorName: "Relayout", domain: "viseme", version: 1, inputs: [id], outputs: [result],
        implementation: Relayout()))
    return result
  }
}
