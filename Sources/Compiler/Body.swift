import GraphIR
import Tensors

/// A node's subgraph, compiled: it reads what it captures as further inputs, behind its own.
public struct Body: Sendable {
  public let program: Program
  /// The values of the enclosing graph that it captures, in the order of the further inputs.
  public let captures: [ValueID]
}

/// Names a subgraph: the first output of its node, and the attribute.
struct BodyKey: Hashable, Sendable {
  var output: ValueID
  var attribute: String
}

extension Graph {
  /// Compiles the subgraphs of every node. Captured constants become constants of the body.
  func compiledBodies(
    _ compile: (Graph) throws(CompileError) -> Program
  ) throws(CompileError) -> [BodyKey: Body] {
    var bodies: [BodyKey: Body] = [:]
    guard nodes.contains(where: \.hasSubgraphs) else { return bodies }
    let ids = Dictionary(values.enumerated().map { ($1.name, ValueID(index: $0)) }, uniquingKeysWith: { a, _ in a })
    for node in nodes {
      guard let output = node.outputs.lazy.compactMap({ $0 }).first else { continue }
      for case (let name, .graph(let graph)) in node.attributes {
        let (body, captures) = try opened(graph, ids, of: node)
        bodies[BodyKey(output: output, attribute: name)] = Body(program: try compile(body), captures: captures)
      }
    }
    return bodies
  }

  /// The subgraph as a graph of its own.
  private func opened(
    _ subgraph: Graph, _ ids: [String: ValueID], of node: Node
  ) throws(CompileError) -> (Graph, captures: [ValueID]) {
    var body = subgraph
    var captures: [ValueID] = []
    // What a body declares of its inputs need not hold for every turn of a loop.
    for id in body.inputs { body[id].type = body[id].type.withoutShape }
    for capture in subgraph.captures {
      guard let outer = ids[capture.outerName] else {
        throw .graphProblem(
          GraphError(place: node.label, problem: "its subgraph reads “\(capture.outerName)”, which does not exist"))
      }
      if let constant = constants[outer] {
        body.setConstant(capture.inner, constant)
      } else {
        body.inputs.append(capture.inner)
        body[capture.inner].type = body[capture.inner].type.withoutShape
        captures.append(outer)
      }
    }
    body.captures = []
    return (body, captures)
  }
}
