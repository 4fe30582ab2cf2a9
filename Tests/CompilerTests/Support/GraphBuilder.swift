import Compiler
import GraphIR
import Tensors

/// Writes graphs the way they read: one call for each node.
struct GraphBuilder {
  var graph = Graph(name: "test")

  mutating func input(_ name: String, _ dims: [Dimension], _ type: DataType = .float32) -> ValueID {
    graph.addInput(name, TensorType(type, dims))
  }

  mutating func constant<Element: TensorElement>(_ elements: [Element], _ shape: Shape? = nil) -> ValueID {
    graph.addConstant("constant \(graph.values.count)", Tensor(elements, shape: shape))
  }

  mutating func node(
    _ operatorName: String, _ inputs: [ValueID?], _ attributes: [String: Attribute] = [:], domain: String = "",
    version: Int = 17
  ) -> ValueID {
    let output = graph.addValue("\(operatorName) \(graph.values.count)")
    graph.nodes.append(
      Node(
        name: "node \(graph.nodes.count)", operatorName: operatorName, domain: domain, version: version, inputs: inputs,
        outputs: [output], attributes: attributes))
    return output
  }

  mutating func output(_ id: ValueID) { graph.outputs.append(id) }
}

/// A small, seeded source of test data.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: Int) { state = UInt64(truncatingIfNeeded: seed) &* 0x9E37_79B9_7F4A_7C15 | 1 }

  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state ^ (state >> 29)
  }

  mutating func floats(_ count: Int, _ range: ClosedRange<Float> = -1...1) -> [Float] {
    (0..<count).map { _ in Float.random(in: range, using: &self) }
  }

  mutating func tensor(_ shape: Shape) -> Tensor { Tensor(floats(shape.count), shape: shape) }
}

extension Program {
  /// Plans for the given tensors and runs once.
  func run(_ inputs: [Tensor], threads: Int = 1) throws -> [Tensor] {
    let executor = Executor(try plan(inputs.map { TensorType($0.dataType, $0.shape) }), program: self, pool: nil)
    let outputs = executor.plan.outputs.map { Tensor($0.dataType, $0.shape) }
    try inputs.map(\.baseAddress).withUnsafeBufferPointer { sources in
      try outputs.map(\.buffer.base).withUnsafeBufferPointer { targets in
        try executor.run(inputs: sources.baseAddress!, outputs: targets.baseAddress!)
      }
    }
    return outputs
  }
}

/// The largest difference between two tensors, relative to the largest magnitude of the second.
func relativeError(_ a: Tensor, _ b: Tensor) -> Float {
  precondition(a.shape == b.shape)
  let (x, y) = (a.elements(as: Float.self), b.elements(as: Float.self))
  let scale = max(y.map(\.magnitude).max() ?? 0, 1e-6)
  return zip(x, y).map { ($0 - $1).magnitude }.max().map { $0 / scale } ?? 0
}
