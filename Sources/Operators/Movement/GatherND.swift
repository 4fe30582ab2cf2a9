import GraphIR
import Tensors

/// ONNX `GatherND`: the slices of the input that tuples of indices name.
///
/// The first `batch_dims` axes of input and indices are walked together.
public struct GatherND: Operator {
  public static let signatures = [Signature("GatherND", versions: 11...Signature.newestOpset)]

  private let batchRank: Int

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(2...2)
    batchRank = try node.int("batch_dims", default: 0)
    guard batchRank >= 0 else { throw node.invalid("batch_dims is negative") }
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let (input, indices) = (try context.tensor(0), try context.tensor(1))
    if indices.dims?.isEmpty == true { throw context.invalid("the indices must not be a scalar") }
    guard let dims = input.dims, let own = indices.dims, let tuple = own.last else {
      return [.tensor(TensorType(input.dataType, nil as [Dimension]?))]
    }
    guard batchRank < own.count, batchRank < dims.count || dims.isEmpty else {
      throw context.invalid("batch_dims is \(batchRank), but the indices have rank \(own.count)")
    }
    for axis in 0..<batchRank {
      if let a = dims[axis].value, let b = own[axis].value, a != b {
        throw context.invalid("batch axis \(axis) has \(a) elements in the input and \(b) in the indices")
      }
    }
    guard let length = tuple.value else { return [.tensor(TensorType(input.dataType, nil as [Dimension]?))] }
    guard length >= 1, length <= dims.count - batchRank else {
      throw context.invalid("tuples of \(length) indices do not fit rank \(dims.count)")
    }
    let result = Array(own.dropLast()) + Array(dims[(batchRank + length)...])
    try context.checkCount(result, of: input.dataType)
    return [.tensor(TensorType(input.dataType, result))]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Unpacking.kernel(self, context) { return kernel }
    let (input, indices, output) = (try context.input(0), try context.input(1), try context.output(0))
    let width = try context.movableByteCount(input.dataType)
    let tuple = TupleReader(indices, over: input.shape, batchRank: batchRank, input: 1, context)
    let sliceByteCount = tuple.sliceCount * width
    if output.count == 0 { return Kernel { _ in } }
    return Kernel { operands throws(OperatorError) in
      let (source, target) = (operands.rawInput(0), operands.rawOutput(0))
      for position in 0..<tuple.count {
        let offset = try tuple.offset(operands.rawInput(1), position)
        (target + position * sliceByteCount).copyMemory(from: source + offset * width, byteCount: sliceByteCount)
      }
    }
  }
}

/// Reads the tuples of indices of `GatherND` and `ScatterND` as element offsets.
struct TupleReader: Sendable {
  /// How many tuples there are.
  let count: Int
  /// Elements in the slice that each tuple names.
  let sliceCount: Int
  private let reader: IndexReader
  private let length: Int
  private let extents: [Int]
  private let strides: [Int]
  /// Tuples and elements in one batch.
  private let batchTuples: Int
  private let batchElements: Int

  /// - Precondition: the shapes were checked by inference.
  init(_ indices: Operand, over shape: Shape, batchRank: Int, input: Int, _ context: KernelContext) {
    length = indices.shape.dims.last ?? 0
    count = indices.shape.count(0..<(indices.shape.rank - 1))
    let indexed = batchRank..<(batchRank + length)
    extents = Array(shape.dims[indexed])
    strides = Array(shape.rowMajorStrides[indexed])
    sliceCount = shape.count(indexed.upperBound..<shape.rank)
    batchTuples = max(indices.shape.count(batchRank..<(indices.shape.rank - 1)), 1)
    batchElements = shape.count(batchRank..<shape.rank)
    reader = IndexReader(type: indices.dataType, extent: 0, input: input, context)
  }

  /// Where the slice starts that tuple `position` names.
  func offset(_ base: UnsafeRawPointer, _ position: Int) throws(OperatorError) -> Int {
    var offset = position / batchTuples * batchElements
    for k in 0..<length {
      offset += try reader.index(base, position * length + k, extent: extents[k]) * strides[k]
    }
    return offset
  }
}
