import GraphIR
import Tensors

/// ONNX `AffineGrid`: the positions that `GridSample` reads when an affine matrix moves the output's pixels.
///
/// `theta` is `[batch, 2, 3]` or `[batch, 3, 4]`; positions count x first, from -1 to 1 over the image.
public struct AffineGrid: Operator {
  public static let signatures = [Signature("AffineGrid", versions: 20...Signature.newestOpset)]

  private let alignsCorners: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(2...2)
    alignsCorners = try node.bool("align_corners", default: false)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.elementType(0, in: DataType.floats)
    _ = try context.elementType(1, in: [.int64])
    let theta = try context.dims(0, rank: 3...3)
    if let theta, let rows = theta[1].value, let columns = theta[2].value {
      guard rows == 2 || rows == 3, columns == rows + 1 else {
        throw context.invalid("theta has shape \(TensorType(nil, theta).extents) instead of [N,2,3] or [N,3,4]")
      }
    }
    let count = try context.dims(1, rank: 1...1)?[0].value ?? theta?[1].value.map { $0 + 2 }
    if let count, !(4...5).contains(count) || theta?[1].value ?? count - 2 != count - 2 {
      throw context.invalid("a size of \(count) extents does not fit theta")
    }
    guard let size = try context.integers(1) else {
      guard let count else { return [.tensor(TensorType(type, nil as [Dimension]?))] }
      let space = [Dimension](repeating: .unknown, count: count - 2)
      return [.tensor(TensorType(type, [theta?[0] ?? .unknown] + space + [.fixed(count - 2)]))]
    }
    if let batch = theta?[0].value, batch != size[0] {
      throw context.invalid("theta is for \(batch) images, the size says \(size[0])")
    }
    guard size.allSatisfy({ $0 >= 0 }) else { throw context.invalid("the size \(size) has a negative extent") }
    let space = size[2...].map { Dimension.fixed($0) }
    return [try context.outputType(type, [.fixed(size[0])] + space + [.fixed(size.count - 2)])]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let output = try context.output(0)
    let type = output.dataType, rank = output.shape.rank - 2
    // Depth first; images have a depth of 1.
    let space = triple(Array(output.shape.dims[1...rank]), filledWith: 1)
    let alignsCorners = alignsCorners
    @Sendable func coordinate(_ index: Int, of extent: Int) -> Double {
      if alignsCorners { return extent > 1 ? 2 * Double(index) / Double(extent - 1) - 1 : 0 }
      return (2 * Double(index) + 1) / Double(extent) - 1
    }
    return .tasks(output.shape[0] * space.0, threads: context.target.threads, unreadInputs: [1]) { operands, task, _ in
      let (batch, d) = task.quotientAndRemainder(dividingBy: space.0)
      let (theta, target) = (operands.rawInput(0), operands.rawOutput(0))
      var place = task * space.1 * space.2 * rank
      for h in 0..<space.1 {
        for w in 0..<space.2 {
          let position = (coordinate(w, of: space.2), coordinate(h, of: space.1), coordinate(d, of: space.0))
          for row in 0..<rank {
            let first = (batch * rank + row) * (rank + 1)
            func entry(_ column: Int) -> Double { ElementAccess.double(theta, first + column, type) }
            var sum = entry(0) * position.0 + entry(1) * position.1 + entry(rank)
            if rank == 3 { sum += entry(2) * position.2 }
            ElementAccess.store(sum, target, place, type)
            place += 1
          }
        }
      }
    }
  }
}
