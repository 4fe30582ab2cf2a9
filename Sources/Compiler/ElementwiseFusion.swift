import GraphIR
import Operators
import Tensors

/// Joins elementwise nodes into loops that keep what lies between them in registers.
///
/// Runs once shapes are known. A node joins the loop of its readers when all of them are in one loop of the same shape,
/// so that nothing is computed twice and no value between them is stored.
struct ElementwiseFusion {
  private var graph: Graph
  /// For each node: the last node of its loop, or nil if it is not elementwise.
  private var root: [Int?]
  /// For each last node: the nodes of the loop, the first last.
  private var members: [Int: [Int]] = [:]

  static func run(on graph: inout Graph, log: inout PassLog) {
    log.currentPass = Pipeline.elementwiseFusionName
    var fusion = ElementwiseFusion(graph: graph)
    fusion.group(&log)
    graph = fusion.rewritten()
  }

  private init(graph: Graph) {
    self.graph = graph
    root = [Int?](repeating: nil, count: graph.nodes.count)
  }

  private mutating func group(_ log: inout PassLog) {
    var readers = [[Int]](repeating: [], count: graph.values.count)
    for (index, node) in graph.nodes.enumerated() {
      for case let id? in node.inputs { readers[id.index].append(index) }
    }
    let outputs = Set(graph.outputs)
    for index in graph.nodes.indices.reversed() where isElementwise(graph.nodes[index]) {
      let output = graph.nodes[index].outputs[0]!
      root[index] = index
      members[index] = [index]
      guard !outputs.contains(output) else {
        log.skipped("its output is an output of the model", at: graph.nodes[index])
        continue
      }
      let loops = Set(readers[output.index].map { root[$0] })
      guard let only = loops.first, loops.count == 1, let loop = only else {
        // Standing before another operator is no missed chance; several readers of which some are elementwise may be one.
        if loops.count > 1, loops != [nil] { log.skipped("its readers are not in one loop", at: graph.nodes[index]) }
        continue
      }
      guard shape(output) == shape(graph.nodes[loop].outputs[0]!) else {
        log.skipped("the loop of its reader \(graph.nodes[loop].label) has another shape", at: graph.nodes[index])
        continue
      }
      let candidate = members[loop]! + [index]
      guard program(of: candidate).program.fitsKernel else {
        log.skipped("the loop of its reader \(graph.nodes[loop].label) is full", at: graph.nodes[index])
        continue
      }
      log.did("joined the loop of \(graph.nodes[loop].label)", at: graph.nodes[index])
      members[loop] = candidate
      members[index] = nil
      root[index] = loop
    }
  }

  private func isElementwise(_ node: Node) -> Bool {
    guard let implementation = node.implementation as? any ElementwiseOperator, node.outputs.count == 1,
      let output = node.outputs[0], let type = graph[output].type.tensor
    else { return false }
    let inputs = node.inputs.compactMap { $0 }.compactMap { graph[$0].type.tensor }
    return implementation.canFuse(inputs: inputs, output: type)
  }

  private func dataType(_ id: ValueID) -> DataType? { graph[id].type.tensor?.dataType }
  private func shape(_ id: ValueID) -> Shape? { graph[id].type.tensor?.shape }

  /// The code of a loop, and the values it reads. `loop` lists its nodes, the last first.
  private func program(of loop: [Int]) -> (program: ElementwiseProgram, inputs: [ValueID]) {
    var program = ElementwiseProgram()
    var registers: [ValueID: ElementwiseProgram.Register] = [:]
    var inputs: [ValueID] = []
    for index in loop.sorted() {
      let node = graph.nodes[index]
      var operands: [ElementwiseProgram.Register] = []
      for case let id? in node.inputs {
        if registers[id] == nil {
          if let number = graph.constants[id]?.elementwiseConstant {
            registers[id] = program.constant(number)
          } else {
            registers[id] = program.addInput()
            inputs.append(id)
          }
        }
        operands.append(registers[id]!)
      }
      let output = node.outputs[0]!
      registers[output] = (node.implementation as! any ElementwiseOperator).emit(
        &program, operands, output: dataType(output)!)
    }
    program.outputs = [registers[graph.nodes[loop[0]].outputs[0]!]!]
    return (program, inputs)
  }

  private func rewritten() -> Graph {
    var result = graph
    result.nodes = []
    for (index, node) in graph.nodes.enumerated() {
      guard let last = root[index], let loop = members[last], loop.count > 1 else {
        result.nodes.append(node)
        continue
      }
      guard index == last else { continue }
      let (program, inputs) = program(of: loop)
      let type = dataType(node.outputs[0]!)!
      let names = loop.sorted().map { graph.nodes[$0].operatorName }
      result.nodes.append(
        Node(
          name: names.joined(separator: "+"), operatorName: FusedElementwise.name, domain: FusedElementwise.domain,
          version: 1, inputs: inputs, outputs: node.outputs,
          implementation: FusedElementwise(program, dataType: type)))
    }
    return result
  }
}
