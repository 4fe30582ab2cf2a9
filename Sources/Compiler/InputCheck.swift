import GraphIR
import Tensors

/// Compares the types of given inputs with what a graph declares.
struct InputCheck {
  let graph: Graph

  init(_ graph: Graph) { self.graph = graph }

  /// Throws when a count, type, rank or extent does not fit, or when one symbol would get two values.
  func check(_ types: [TensorType]) throws(CompileError) {
    guard types.count == graph.inputs.count else {
      let names = graph.inputs.map { graph[$0].name }.joined(separator: ", ")
      throw .input(name: names, problem: "\(types.count) inputs are given, the model has \(graph.inputs.count)")
    }
    var symbols: [String: Int] = [:]
    for (id, type) in zip(graph.inputs, types) {
      let name = graph[id].name
      guard let shape = type.shape, type.dataType != nil else {
        throw .input(name: name, problem: "its shape must be known")
      }
      guard let declared = graph[id].type.tensor else { continue }
      if let wanted = declared.dataType, wanted != type.dataType {
        throw .input(name: name, problem: "the model wants \(wanted) elements, not \(type.dataType!)")
      }
      guard let dims = declared.dims else { continue }
      guard dims.count == shape.rank else {
        throw .input(name: name, problem: "the model wants \(declared), not the shape \(shape)")
      }
      for (dim, extent) in zip(dims, shape.dims) {
        switch dim {
        case .unknown: continue
        case .fixed(let wanted):
          guard wanted == extent else {
            throw .input(name: name, problem: "the model wants \(declared), not the shape \(shape)")
          }
        case .symbol(let symbol):
          guard symbols.updateValue(extent, forKey: symbol) ?? extent == extent else {
            throw .input(name: name, problem: "the extent “\(symbol)” would have two different values")
          }
        }
      }
    }
  }
}
