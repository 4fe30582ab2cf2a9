import GraphIR

/// A graph as Graphviz draws it.
public enum DotGraph {
  /// Nodes as boxes, inputs and outputs as ovals, edges with the types that are known. Constants are left out.
  public static func text(_ graph: Graph) -> String {
    var lines = ["digraph \(ChromeTrace.quoted(graph.name)) {", "  node [shape=box, fontname=Helvetica];"]
    let producers = graph.producers()
    for (index, id) in graph.inputs.enumerated() {
      lines.append("  input\(index) [shape=oval, label=\(label(graph[id].name, graph[id].type))];")
    }
    for (index, node) in graph.nodes.enumerated() {
      lines.append("  node\(index) [label=\(ChromeTrace.quoted(ModelReport.title(node))), tooltip=\(ChromeTrace.quoted(node.name))];")
    }
    for (index, id) in graph.outputs.enumerated() {
      lines.append("  output\(index) [shape=oval, label=\(label(graph[id].name, graph[id].type))];")
    }
    func source(_ id: ValueID) -> String? {
      if let producer = producers[id.index] { return "node\(producer)" }
      return graph.inputs.firstIndex(of: id).map { "input\($0)" }
    }
    for (index, node) in graph.nodes.enumerated() {
      for case let id? in node.inputs {
        guard let source = source(id) else { continue }
        let type = graph[id].type.tensor.map { ChromeTrace.quoted("\($0)") } ?? "\"\""
        lines.append("  \(source) -> node\(index) [label=\(type)];")
      }
    }
    for (index, id) in graph.outputs.enumerated() {
      if let source = source(id) { lines.append("  \(source) -> output\(index);") }
    }
    return (lines + ["}"]).joined(separator: "\n") + "\n"
  }

  private static func label(_ name: String, _ type: ValueType) -> String {
    ChromeTrace.quoted(name + (type.tensor.map { "\n\($0)" } ?? "")).replacingNewlines
  }
}

extension String {
  /// Graphviz reads its own escape for a line's end, not JSON's.
  fileprivate var replacingNewlines: String { split(separator: "\\u000a", omittingEmptySubsequences: false).joined(separator: "\\n") }
}
