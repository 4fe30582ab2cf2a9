import GraphIR
import Operators
import Tensors

/// What became of an attempt to fuse a node into its producer.
enum FusionOutcome {
  case notApplicable
  case skip(String)
  case fused(any Operator)
}

extension Graph {
  func constants(of node: Node) -> [Tensor?] { node.inputs.map { $0.flatMap { constants[$0] } } }

  /// Offers every node whose first input is made by a node, and read by nobody else, to `fuse`; a fused node is dropped
  /// and its output made by the producer.
  mutating func fuseIntoProducers(_ log: inout PassLog, _ fuse: (Graph, Node, Node) -> FusionOutcome) {
    let uses = useCounts()
    var producers = self.producers()
    var isRemoved = [Bool](repeating: false, count: nodes.count)
    for index in nodes.indices {
      let node = nodes[index]
      guard let source = node.inputs.first, let source, let output = node.outputs.first, let output,
        let producer = producers[source.index]
      else { continue }
      switch fuse(self, node, nodes[producer]) {
      case .notApplicable: continue
      case .skip(let reason): log.skipped(reason, at: node)
      case .fused(let implementation):
        guard uses[source.index] == 1, nodes[producer].outputs.compactMap({ $0 }) == [source] else {
          log.skipped("its input is read elsewhere too", at: node)
          continue
        }
        guard node.outputs.dropFirst().allSatisfy({ $0.map { uses[$0.index] == 0 } ?? true }) else {
          log.skipped("more than its first output is read", at: node)
          continue
        }
        log.did("fused into \(nodes[producer].label)", at: node)
        nodes[producer].implementation = implementation
        nodes[producer].outputs = [output]
        producers[output.index] = producer
        isRemoved[index] = true
      }
    }
    removeNodes { isRemoved[$0] }
  }
}
