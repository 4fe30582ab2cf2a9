import CKernels
import GraphIR
import Tensors

/// ONNX `ArgMax` and `ArgMin`: where along an axis the largest or smallest element is.
public struct ArgReduce: Operator {
  public static let signatures = [Signature("ArgMax"), Signature("ArgMin")]

  private let axis: Int
  private let keepsDims: Bool
  private let takesLast: Bool
  private let isMaximum: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    axis = try node.int("axis", default: 0)
    keepsDims = try node.bool("keepdims", default: true)
    takesLast = try node.bool("select_last_index", default: false)
    isMaximum = node.node.operatorName == "ArgMax"
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    guard var dims = try context.tensor(0).dims else { return [.tensor(TensorType(.int64, nil as [Dimension]?))] }
    let axis = try context.axis(axis, rank: dims.count)
    if dims[axis] == 0 { throw context.invalid("axis \(axis) has no elements to choose from") }
    if keepsDims { dims[axis] = 1 } else { dims.remove(at: axis) }
    return [.tensor(TensorType(.int64, dims))]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let input = try context.input(0)
    let (type, shape) = (input.dataType, input.shape)
    guard ElementAccess.supports(type) else { throw context.unsupported("elements of type \(type) are not supported") }
    let axis = try context.axis(axis, rank: shape.rank)
    let (outer, length, inner) = (shape.count(0..<axis), shape[axis], shape.count((axis + 1)..<shape.rank))
    let (isMaximum, takesLast) = (isMaximum, takesLast)
    if type == .float32 {
      return Kernel { operands in
        if isMaximum {
          vz_argmax_f32(operands.exec, takesLast, outer, length, inner, operands.input(0), operands.output(0))
        } else {
          vz_argmin_f32(operands.exec, takesLast, outer, length, inner, operands.input(0), operands.output(0))
        }
      }
    }
    return Kernel { operands in
      let (source, target) = (operands.rawInput(0), operands.output(0, as: Int64.self))
      for o in 0..<outer {
        for i in 0..<inner {
          var (best, bestKey) = (0, SortKey.of(source, o * length * inner + i, type, descending: isMaximum))
          for k in 1..<max(length, 1) {
            let key = SortKey.of(source, (o * length + k) * inner + i, type, descending: isMaximum)
            if key < bestKey || (takesLast && key == bestKey) { (best, bestKey) = (k, key) }
          }
          target[o * inner + i] = Int64(best)
        }
      }
    }
  }
}

/// Numbers of any type mapped to unsigned integers of the same order. NaN stands beyond every number, whichever way.
enum SortKey {
  @inline(__always)
  static func of(_ base: UnsafeRawPointer, _ index: Int, _ type: DataType, descending: Bool) -> UInt64 {
    var key: UInt64
    if type.isFloatingPoint {
      let value = ElementAccess.double(base, index, type)
      if value.isNaN { return 0 }
      // Both zeros are one number.
      let bits = (value == 0 ? 0 : value).bitPattern
      key = bits >> 63 == 0 ? bits | 1 << 63 : ~bits
    } else {
      let value = UInt64(bitPattern: ElementAccess.integer(base, index, type))
      key = type == .uint64 ? value : value ^ (1 << 63)
    }
    if descending { key = ~key }
    return key
  }
}
