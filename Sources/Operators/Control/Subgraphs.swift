import GraphIR
import Tensors

extension NodeReader {
  /// The subgraph that is the attribute of this name; throws when it is missing.
  func graph(_ name: String) throws(OperatorError) -> Graph {
    guard case .graph(let graph)? = node.attributes[name] else { throw invalid("the subgraph “\(name)” is missing") }
    return graph
  }
}

extension EvaluationContext {
  /// The truth value that input `index` holds, as its only element.
  func flag(_ index: Int) throws(OperatorError) -> Bool { try flag(value(index), "input \(index)") }

  func flag(_ value: RuntimeValue, _ what: String) throws(OperatorError) -> Bool {
    guard let tensor = value.tensor, tensor.dataType == .bool, let flag = tensor.integers?.first, tensor.count == 1
    else { throw invalid("\(what) is \(value.type), not one truth value") }
    return flag != 0
  }

  /// A tensor of one element, which counts: a loop may keep those of all its turns.
  func scalar<Element: TensorElement>(_ element: Element) throws(OperatorError) -> Tensor {
    let tensor = try makeTensor(Element.dataType, [])
    tensor.buffer.base.storeBytes(of: element, as: Element.self)
    return tensor
  }

  /// The tensors stacked along a new axis: what scan outputs become.
  ///
  /// - Parameter empty: the element type and shape of a tensor, for when there are none.
  func stacked(
    _ tensors: [Tensor], axis: Int = 0, empty: @autoclosure () -> (DataType, Shape)
  ) throws(OperatorError) -> Tensor {
    guard let first = tensors.first else {
      let (dataType, shape) = empty()
      return try makeTensor(dataType, Shape([0] + shape.dims))
    }
    for tensor in tensors where tensor.shape != first.shape || tensor.dataType != first.dataType {
      throw invalid(
        "cannot stack \(tensor.dataType)\(tensor.shape) with \(first.dataType)\(first.shape): every turn must give the same")
    }
    guard axis >= -(first.shape.rank + 1), axis <= first.shape.rank else {
      throw invalid("axis \(axis) is out of range for scan outputs of shape \(first.shape)")
    }
    let axis = axis < 0 ? axis + first.shape.rank + 1 : axis
    var unit = first.shape
    unit.dims.insert(1, at: axis)
    return try joined(tensors.map { $0.reshaped(unit) }, axis: axis)
  }
}
