import GraphIR
import Tensors

/// ONNX `GatherElements`: for every index, the input's element at the index's own place, with the coordinate along one
/// axis replaced by the index.
public struct GatherElements: Operator {
  public static let signatures = [Signature("GatherElements", versions: 11...Signature.newestOpset)]

  private let axis: Int

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(2...2)
    axis = try node.int("axis", default: 0)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let (input, indices) = (try context.tensor(0), try context.tensor(1))
    try checkElementIndices(indices, along: axis, of: input, context)
    return [.tensor(TensorType(input.dataType, indices.dims))]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Unpacking.kernel(self, context) { return kernel }
    let (input, indices) = (try context.input(0), try context.input(1))
    let width = try context.movableByteCount(input.dataType)
    let axis = try context.axis(axis, rank: input.shape.rank)
    let reader = IndexReader(type: indices.dataType, extent: input.shape[axis], input: 1, context)
    var strides = input.strides
    let step = strides[axis]
    strides[axis] = 0
    let walk = ElementWalk(shape: indices.shape, strides: strides)
    return Kernel { operands throws(OperatorError) in
      let (source, target) = (operands.rawInput(0), operands.rawOutput(0))
      try walk.visit { position, offset throws(OperatorError) in
        let index = try reader.index(operands.rawInput(1), position)
        (target + position * width).copyMemory(from: source + (offset + index * step) * width, byteCount: width)
      }
    }
  }
}

/// Checks what `GatherElements` and `ScatterElements` ask of their indices.
func checkElementIndices(
  _ indices: TensorType, along axis: Int, of input: TensorType, _ context: InferenceContext
) throws(OperatorError) {
  if let type = indices.dataType, type != .int32, type != .int64 {
    throw context.invalid("the indices are \(type), not int32 or int64")
  }
  guard let dims = input.dims, let own = indices.dims else { return }
  guard dims.count == own.count else {
    throw context.invalid("the indices have rank \(own.count), the input \(dims.count)")
  }
  let axis = try context.axis(axis, rank: dims.count)
  for other in dims.indices where other != axis {
    if let extent = dims[other].value, let count = own[other].value, count > extent {
      throw context.invalid("the indices have extent \(count) along axis \(other), the input only \(extent)")
    }
  }
}

/// Visits the elements of a dense shape in order, with the offset that other strides give them.
struct ElementWalk: Sendable {
  private let shape: [Int]
  private let strides: [Int]
  private let count: Int

  init(shape: Shape, strides: [Int]) {
    self.shape = shape.dims
    self.strides = strides
    count = shape.count
  }

  /// Calls `body` with each element's position and offset; stops at the first error.
  func visit(_ body: (_ position: Int, _ offset: Int) throws(OperatorError) -> Void) throws(OperatorError) {
    guard count > 0 else { return }
    let inner = shape.last ?? 1
    let step = strides.last ?? 0
    let outerRank = max(shape.count - 1, 0)
    var failure: OperatorError?
    withUnsafeTemporaryAllocation(of: Int.self, capacity: max(outerRank, 1)) { index in
      index.initialize(repeating: 0)
      var (position, offset) = (0, 0)
      while true {
        do throws(OperatorError) {
          for k in 0..<inner { try body(position + k, offset + k * step) }
        } catch {
          failure = error
          return
        }
        position += inner
        var axis = outerRank - 1
        while axis >= 0 {
          index[axis] += 1
          offset += strides[axis]
          if index[axis] < shape[axis] { break }
          offset -= strides[axis] * shape[axis]
          index[axis] = 0
          axis -= 1
        }
        if axis < 0 { return }
      }
    }
    if let failure { throw failure }
  }
}
