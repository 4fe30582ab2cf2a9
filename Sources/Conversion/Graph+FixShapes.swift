import GraphIR
import Tensors

extension Graph {
  /// Gives inputs fixed shapes, and named extents their value wherever they occur.
  ///
  /// - Parameter shapes: by the name of an input, or of an extent (one number).
  mutating func fixShapes(_ shapes: [String: Shape]) throws(ConversionError) {
    var extents: [String: Int] = [:]
    for (name, shape) in shapes.sorted(by: { $0.key < $1.key }) {
      guard let id = inputs.first(where: { self[$0].name == name }) else {
        guard shape.rank == 1, inputs.contains(where: { self[$0].type.tensor?.dims?.contains(.symbol(name)) ?? false })
        else { throw ConversionError("--shape names “\(name)”, which is neither an input nor an extent of one") }
        extents[name] = shape[0]
        continue
      }
      let type = self[id].type.tensor
      if let dims = type?.dims {
        guard dims.count == shape.rank, zip(dims, shape.dims).allSatisfy({ $0.value ?? $1 == $1 }) else {
          throw ConversionError("the input “\(name)” is \(type!); its shape cannot become \(shape)")
        }
        for case (.symbol(let symbol), let extent) in zip(dims, shape.dims) {
          guard extents.updateValue(extent, forKey: symbol) ?? extent == extent else {
            throw ConversionError("the extent “\(symbol)” would get two values")
          }
        }
      }
      self[id].type = .tensor(TensorType(type?.dataType, shape))
    }
    guard !shapes.isEmpty else { return }
    for index in values.indices { values[index].type = values[index].type.fixing(extents) }
    // What was inferred for other shapes may be wrong now; optimization infers it anew.
    let kept = Set(inputs).union(constants.keys).union(outputs)
    for index in values.indices where !kept.contains(ValueID(index: index)) { values[index].type = .unknown }
  }
}

extension ValueType {
  fileprivate func fixing(_ extents: [String: Int]) -> ValueType {
    guard case .tensor(let type) = self, let dims = type.dims else { return self }
    return .tensor(
      TensorType(
        type.dataType,
        dims.map { dim in
          guard case .symbol(let name) = dim, let extent = extents[name] else { return dim }
          return .fixed(extent)
        }))
  }
}
