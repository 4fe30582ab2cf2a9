import GraphIR
import Tensors

/// ONNX `Gather`: the slices of the input along an axis that the indices name.
public struct Gather: Operator {
  public static let signatures = [Signature("Gather")]

  public let axis: Int

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(2...2)
    axis = try node.int("axis", default: 0)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let (input, indices) = (try context.tensor(0), try context.tensor(1))
    if let type = indices.dataType, type != .int32, type != .int64 {
      throw context.invalid("the indices are \(type), not int32 or int64")
    }
    guard let dims = input.dims else { return [.tensor(TensorType(input.dataType, nil as [Dimension]?))] }
    let axis = try context.axis(axis, rank: dims.count)
    if let extent = dims[axis].value, let values = try context.integers(1) {
      for value in values where value < -extent || value >= extent {
        throw context.invalid("index \(value) is out of range for an extent of \(extent)")
      }
    }
    guard let own = indices.dims else { return [.tensor(TensorType(input.dataType, nil as [Dimension]?))] }
    let result = Array(dims[..<axis]) + own + Array(dims[(axis + 1)...])
    try context.checkCount(result, of: input.dataType)
    return [.tensor(TensorType(input.dataType, result))]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Unpacking.kernel(self, context) { return kernel }
    let (input, indices, output) = (try context.input(0), try context.input(1), try context.output(0))
    let width = try context.movableByteCount(input.dataType)
    let axis = try context.axis(axis, rank: input.shape.rank)
    let extent = input.shape[axis]
    if indices.count == 1, let index = indices.constant?.integers?[0] {
      guard index >= -extent, index < extent else {
        throw context.invalid("index \(index) is out of range for an extent of \(extent)")
      }
      let start = (index < 0 ? index + extent : index) * input.strides[axis]
      var strides = input.strides
      strides.replaceSubrange(axis...axis, with: [Int](repeating: 0, count: indices.shape.rank))
      return try .box(of: 0, offset: start, strides: strides, unreadInputs: [1], context)
    }
    if output.count == 0 { return Kernel { _ in } }
    let outerCount = input.shape.count(0..<axis)
    let rowByteCount = input.shape.count((axis + 1)..<input.shape.rank) * width
    let reader = IndexReader(type: indices.dataType, extent: extent, input: 1, context)
    let indexCount = indices.count
    return Kernel { operands throws(OperatorError) in
      let (source, target) = (operands.rawInput(0), operands.rawOutput(0))
      for position in 0..<indexCount {
        let index = try reader.index(operands.rawInput(1), position)
        for outer in 0..<outerCount {
          (target + (outer * indexCount + position) * rowByteCount).copyMemory(
            from: source + (outer * extent + index) * rowByteCount, byteCount: rowByteCount)
        }
      }
    }
  }
}
