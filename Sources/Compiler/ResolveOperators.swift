import GraphIR
import Operators

extension Graph {
  /// Decodes every node with the registry's operators.
  mutating func resolveOperators(_ registry: OperatorRegistry) throws(CompileError) {
    for index in nodes.indices where nodes[index].implementation == nil {
      do {
        nodes[index].implementation = try registry.implementation(of: nodes[index])
      } catch {
        throw .operatorProblem(error)
      }
    }
  }
}
