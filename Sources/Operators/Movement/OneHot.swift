import GraphIR
import Tensors

/// ONNX `OneHot`: a new axis of length `depth`, holding the second of two values at the index and the first elsewhere.
public struct OneHot: Operator {
  public static let signatures = [Signature("OneHot", versions: 9...Signature.newestOpset)]

  private let axis: Int

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(3...3)
    axis = try node.int("axis", default: -1)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let (indices, values) = (try context.tensor(0), try context.tensor(2))
    if let shape = values.shape, shape != [2] { throw context.invalid("the values have shape \(shape), not [2]") }
    guard let dims = indices.dims else { return [.tensor(TensorType(values.dataType, nil as [Dimension]?))] }
    let axis = try context.axis(axis, rank: dims.count + 1)
    var depth = Dimension.unknown
    if let tensor = context.constant(1) {
      guard tensor.shape.checkedCount == 1, ElementAccess.supports(tensor.dataType) else {
        throw context.invalid("the depth must be one number")
      }
      let value = tensor.withUnsafeBytes { ElementAccess.integer($0.baseAddress!, 0, tensor.dataType) }
      guard value >= 0 else { throw context.invalid("the depth is \(value)") }
      depth = .fixed(Int(value))
    }
    let result = Array(dims[..<axis]) + [depth] + Array(dims[axis...])
    try context.checkCount(result, of: values.dataType)
    return [.tensor(TensorType(values.dataType, result))]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let (indices, output) = (try context.input(0), try context.output(0))
    let (type, width) = (indices.dataType, try context.movableByteCount(output.dataType))
    guard ElementAccess.supports(type) else { throw context.unsupported("indices of type \(type) are not supported") }
    let axis = try context.axis(axis, rank: output.shape.rank)
    let depth = output.shape[axis]
    let (outer, inner) = (output.shape.count(0..<axis), output.shape.count((axis + 1)..<output.shape.rank))
    let count = output.count
    return Kernel(unreadInputs: [1]) { operands in
      let (values, target) = (operands.rawInput(2), operands.rawOutput(0))
      for k in 0..<count { (target + k * width).copyMemory(from: values, byteCount: width) }
      guard count > 0 else { return }
      for o in 0..<outer {
        for i in 0..<inner {
          let index = ElementAccess.integer(operands.rawInput(0), o * inner + i, type)
          guard index >= -Int64(depth), index < Int64(depth) else { continue }
          let place = Int(index < 0 ? index + Int64(depth) : index)
          (target + ((o * depth + place) * inner + i) * width).copyMemory(from: values + width, byteCount: width)
        }
      }
    }
  }
}
