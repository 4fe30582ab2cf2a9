import GraphIR
import Tensors

/// `com.microsoft` `Inverse`: of the square matrices in the last two axes. A singular one is refused.
public struct Inverse: Operator {
  public static let signatures = [Signature("Inverse", domain: Contributed.domain)]

  public init(_ node: NodeReader) throws(OperatorError) { try node.expectInputs(1...1) }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.elementType(0, in: DataType.floats)
    guard let dims = try context.dims(0, rank: 2...16) else { return [.tensor(TensorType(type, nil as [Dimension]?))] }
    if let rows = dims[dims.count - 2].value, let columns = dims[dims.count - 1].value, rows != columns {
      throw context.invalid("matrices of \(rows) rows and \(columns) columns have no inverse")
    }
    return [.tensor(TensorType(type, dims))]
  }

  /// Gauss-Jordan elimination with row pivots, in double.
  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let input = try context.input(0)
    let n = input.shape.dims.last!, count = n == 0 ? 0 : input.count / (n * n), type = input.dataType
    let singular = context.invalid("a matrix has no inverse")
    return Kernel(scratchByteCount: n * n * 16) { operands throws(OperatorError) in
      let a = operands.exec.pointee.scratch!.assumingMemoryBound(to: Double.self), b = a + n * n
      for index in 0..<count {
        for k in 0..<n * n {
          a[k] = ElementAccess.double(operands.rawInput(0), index * n * n + k, type)
          b[k] = k / n == k % n ? 1 : 0
        }
        guard Self.invert(a, b, n) else { throw singular }
        for k in 0..<n * n { ElementAccess.store(b[k], operands.rawOutput(0), index * n * n + k, type) }
      }
    }
  }

  /// Turns `a` into the identity and `b`, the identity, into the inverse; false if there is none.
  private static func invert(_ a: UnsafeMutablePointer<Double>, _ b: UnsafeMutablePointer<Double>, _ n: Int) -> Bool {
    for column in 0..<n {
      var pivot = column
      for row in column..<n where a[row * n + column].magnitude > a[pivot * n + column].magnitude { pivot = row }
      let divisor = a[pivot * n + column]
      guard divisor != 0, divisor.isFinite else { return false }
      for k in 0..<n {
        (a[pivot * n + k], a[column * n + k]) = (a[column * n + k], a[pivot * n + k] / divisor)
        (b[pivot * n + k], b[column * n + k]) = (b[column * n + k], b[pivot * n + k] / divisor)
      }
      for row in 0..<n where row != column {
        let factor = a[row * n + column]
        for k in 0..<n {
          a[row * n + k] -= factor * a[column * n + k]
          b[row * n + k] -= factor * b[column * n + k]
        }
      }
    }
    return true
  }
}
