import GraphIR
import Tensors

/// Compares the types of given inputs with what a graph declares.
struct InputCheck {
  let graph: Graph

  init(_ graph: Graph) { self.graph = graph }

  /// Throws when a count, type, rank or extent does not fit, or when one symbol would get two values.
  func check(_ types: [ValueType]) throws(CompileError) {
    guard types.count == graph.inputs.count else {
      let names = graph.inputs.map { graph[$0].name }.joined(separator: ", ")
      throw .input(name: names, problem: "\(types.count) inputs are given, the model has \(graph.inputs.count)")
    }
    var symbols: [String: Int] = [:]
    for (id, type) in zip(graph.inputs, types) {
      let name = graph[id].name
      // A tensor of the wrong element type is told of below.
      guard type.tensor != nil && graph[id].type.tensor != nil || graph[id].type.isSameKind(as: type) else {
        throw .input(name: name, problem: "the model wants \(graph[id].type), not \(type)")
      }
      guard let type = type.tensor else { continue }
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

extension ValueType {
  /// Whether both are tensors, or the same kind of container, as far as they are known.
  fileprivate func isSameKind(as other: ValueType) -> Bool {
    switch (self, other) {
    case (.unknown, _), (_, .unknown): true
    case (.tensor(let a), .tensor(let b)): a.dataType == nil || b.dataType == nil || a.dataType == b.dataType
    case (.sequence(let a), .sequence(let b)), (.optional(let a), .optional(let b)): a.isSameKind(as: b)
    case (.tensor, _), (.sequence, _), (.optional, _): false
    }
  }
}
