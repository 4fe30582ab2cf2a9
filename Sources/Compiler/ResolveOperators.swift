import GraphIR
import Operators

extension Graph {
  /// Decodes every node with the registry's operators, composites spelled out.
  mutating func resolveOperators(_ registry: OperatorRegistry) throws(CompileError) {
    do {
      try expandComposites(registry)
    } catch {
      throw .operatorProblem(error)
    }
    for index in nodes.indices where nodes[index].implementation == nil {
      do {
        nodes[index].implementation = try registry.implementation(of: nodes[index])
      } catch {
        throw .operatorProblem(error)
      }
    }
  }
}
