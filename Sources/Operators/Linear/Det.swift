import GraphIR
import Tensors

/// ONNX `Det`: the determinants of the square matrices in the last two axes, by elimination in double precision.
public struct Det: Operator {
  public static let signatures = [Signature("Det", versions: 11...Signature.newestOpset)]

  public init(_ node: NodeReader) throws(OperatorError) { try node.expectInputs(1...1) }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.elementType(0, in: DataType.floats)
    guard let dims = try context.dims(0, rank: 2...64) else { return [.tensor(TensorType(type, nil as [Dimension]?))] }
    if let a = dims[dims.count - 2].value, let b = dims[dims.count - 1].value, a != b {
      throw context.invalid("the matrices have \(a) rows and \(b) columns; they must be square")
    }
    return [.tensor(TensorType(type, Array(dims.dropLast(2))))]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let input = try context.input(0)
    let (type, n) = (input.dataType, input.shape[input.shape.rank - 1])
    return .tasks(
      try context.output(0).count, threads: context.target.threads, scratchPerWorker: n * n * 8
    ) { operands, task, scratch in
      guard n > 0 else { return ElementAccess.store(1.0, operands.rawOutput(0), task, type) }
      let matrix = scratch!.assumingMemoryBound(to: Double.self)
      for k in 0..<(n * n) { matrix[k] = ElementAccess.double(operands.rawInput(0), task * n * n + k, type) }
      ElementAccess.store(Self.eliminate(matrix, n), operands.rawOutput(0), task, type)
    }
  }

  /// The determinant of `matrix`, which is destroyed.
  private static func eliminate(_ matrix: UnsafeMutablePointer<Double>, _ n: Int) -> Double {
    var product = 1.0
    for step in 0..<n {
      var pivot = step
      for row in step..<n where matrix[row * n + step].magnitude > matrix[pivot * n + step].magnitude { pivot = row }
      let value = matrix[pivot * n + step]
      product *= pivot == step ? value : -value
      if value == 0 { return 0 }
      if pivot != step {
        for column in step..<n {
          let other = matrix[pivot * n + column]
          matrix[pivot * n + column] = matrix[step * n + column]
          matrix[step * n + column] = other
        }
      }
      for row in (step + 1)..<max(n, step + 1) {
        let factor = matrix[row * n + step] / value
        for column in (step + 1)..<max(n, step + 1) { matrix[row * n + column] -= factor * matrix[step * n + column] }
      }
    }
    return product
  }
}
