import GraphIR
import Tensors

/// ONNX `Split`: pieces of the input along an axis.
///
/// The pieces' lengths are an attribute before opset 13 and an input since. Without them the pieces are equal; since
/// opset 18 the last may be shorter.
public struct Split: Operator {
  public static let signatures = [Signature("Split")]

  public let axis: Int
  private let lengths: [Int]?
  private let pieceCount: Int
  private let lastMayBeShorter: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...(node.version == 1 || node.version >= 13 ? 2 : 1))
    axis = try node.int("axis", default: 0)
    lengths = node.version < 13 ? try node.ints("split") : nil
    pieceCount = node.outputCount
    lastMayBeShorter = node.version >= 18
    guard pieceCount > 0 else { throw node.invalid("it has no outputs") }
    if let wanted = try node.int("num_outputs"), wanted != pieceCount, node.version >= 18 {
      throw node.invalid("num_outputs is \(wanted), but the node has \(pieceCount) outputs")
    }
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let input = try context.tensor(0)
    guard let dims = input.dims else {
      return [ValueType](repeating: .tensor(TensorType(input.dataType, nil as [Dimension]?)), count: pieceCount)
    }
    let axis = try context.axis(axis, rank: dims.count)
    let lengths = try pieceLengths(of: dims[axis].value, context)
    return (0..<pieceCount).map { piece in
      var own = dims
      own[axis] = lengths.map { .fixed($0[piece]) } ?? .unknown
      return .tensor(TensorType(input.dataType, own))
    }
  }

  private func pieceLengths(of extent: Int?, _ context: InferenceContext) throws(OperatorError) -> [Int]? {
    let hasInput = context.has(1)
    let given = hasInput ? try context.integers(1) : lengths
    if let given {
      guard given.count == pieceCount, given.allSatisfy({ $0 >= 0 }) else {
        throw context.invalid("\(given) does not say the lengths of \(pieceCount) pieces")
      }
      if let extent {
        var rest = extent
        for length in given {
          guard length <= rest else {
            throw context.invalid("pieces of \(given) do not make up an extent of \(extent)")
          }
          rest -= length
        }
        guard rest == 0 else { throw context.invalid("pieces of \(given) do not make up an extent of \(extent)") }
      }
      return given
    }
    guard !hasInput, let extent else { return nil }
    if extent % pieceCount == 0 { return [Int](repeating: extent / pieceCount, count: pieceCount) }
    guard lastMayBeShorter else {
      throw context.invalid("an extent of \(extent) cannot be split into \(pieceCount) equal pieces")
    }
    let length = extent / pieceCount + 1
    let last = extent - length * (pieceCount - 1)
    guard last >= 0 else { throw context.invalid("an extent of \(extent) does not give \(pieceCount) pieces") }
    return [Int](repeating: length, count: pieceCount - 1) + [last]
  }

  public func layout(_ context: LayoutContext) -> LayoutPolicy { .any }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Unpacking.kernel(self, context) { return kernel }
    let input = try context.input(0)
    let axis = try context.axis(axis, rank: input.shape.rank)
    let width = try context.movableByteCount(input.dataType)
    let isKnown = context.outputs.allSatisfy { $0 != nil }
    let strides = input.strides
    var lengths: [Int] = []
    if isKnown {
      lengths = context.outputs.map { $0!.shape[axis] }
    } else {
      // Pieces that nobody wants still take their place.
      let types = context.inputs.map { operand in
        operand.map { InferenceContext.Input(type: .tensor(TensorType($0.dataType, $0.shape)), constant: $0.constant) }
      }
      let inference = InferenceContext(node: context.node, inputs: types)
      guard let known = try pieceLengths(of: input.shape[axis], inference) else {
        throw context.unsupported("the lengths of the pieces are not known before the run")
      }
      lengths = known
    }
    var steps: [StridedCopy] = []
    var position = 0
    for (index, operand) in context.outputs.enumerated() {
      if let operand {
        steps.append(
          StridedCopy(
            shape: operand.shape.dims, elementByteCount: width, from: 0, offset: position * strides[axis],
            strides: strides, to: index, outputOffset: 0, outputStrides: operand.strides))
      }
      position += lengths[index]
    }
    return .copies(steps, unreadInputs: context.has(1) ? [1] : [])
  }
}
