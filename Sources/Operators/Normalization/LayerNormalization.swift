import CKernels
import GraphIR
import Tensors

/// ONNX `LayerNormalization`: mean 0 and variance 1 over the axes from `axis` on, then a scale and a bias.
public struct LayerNormalization: Operator {
  public static let signatures = [Signature("LayerNormalization", versions: 1...Signature.newestOpset)]

  let rows: NormalizedRows

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(2...3)
    rows = try NormalizedRows(node)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let y = try rows.infer(context)
    guard context.node.outputs.count > 1 else { return [y] }
    let moments = try y.tensor?.dims.map { dims throws(OperatorError) in
      let axis = try rows.axis(rank: dims.count, context.node)
      return dims[..<axis] + dims[axis...].map { _ in Dimension.fixed(1) }
    }
    let type = ValueType.tensor(TensorType(.float32, moments.map(Array.init)))
    return [y] + Array(repeating: type, count: context.node.outputs.count - 1)
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Widening.kernel(self, context, of: Widening.floats) { return kernel }
    let wanted = (0..<3).map { $0 < context.outputs.count && context.outputs[$0] != nil }
    return try rows.kernel(context, outputs: wanted)
  }
}

/// ONNX `RMSNormalization`: root mean square 1 over the axes from `axis` on, then a scale.
public struct RMSNormalization: Operator {
  public static let signatures = [Signature("RMSNormalization", versions: 23...Signature.newestOpset)]

  let rows: NormalizedRows

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(2...2)
    rows = try NormalizedRows(node)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] { [try rows.infer(context)] }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Widening.kernel(self, context, of: Widening.floats) { return kernel }
    return try rows.kernel(context, outputs: nil)
  }
}

/// Normalization of rows: the elements of the axes from one axis on.
struct NormalizedRows: Hashable, Sendable {
  let axis: Int
  let epsilon: Float

  init(_ node: NodeReader) throws(OperatorError) {
    axis = try node.int("axis", default: -1)
    epsilon = try node.float("epsilon", default: 1e-5)
    guard try node.int("stash_type", default: 1) == 1 else {
      throw node.unsupported("only stash_type 1 (float) is implemented")
    }
  }

  func axis(rank: Int, _ node: Node) throws(OperatorError) -> Int {
    let resolved = axis < 0 ? axis + rank : axis
    guard 0..<rank ~= resolved else {
      throw OperatorError(.invalid, node: node.label, "attribute “axis” is \(axis), outside an input of rank \(rank)")
    }
    return resolved
  }

  func infer(_ context: InferenceContext) throws(OperatorError) -> ValueType {
    let type = try context.elementType(0, in: DataType.floats)
    guard let dims = try context.tensor(0).dims else { return .tensor(TensorType(type, nil as [Dimension]?)) }
    let axis = try axis(rank: dims.count, context.node)
    for index in 1...2 where context.has(index) {
      guard let scale = try context.tensor(index).dims else { continue }
      let fits = zip(scale.reversed(), dims.reversed()).allSatisfy { $0.value == 1 || $0.mayEqual($1) }
      guard scale.count <= dims.count - axis, fits else {
        throw context.invalid(
          "input \(index) of shape \(TensorType(nil, scale).extents) does not broadcast to the axes from \(axis) on of "
            + TensorType(nil, dims).extents)
      }
    }
    return try context.outputType(type, dims)
  }

  /// - Parameter outputs: which of the output, the means and the inverse deviations are wanted; nil to divide by the
  ///   root mean square instead.
  func kernel(_ context: KernelContext, outputs: [Bool]?) throws(OperatorError) -> Kernel {
    try context.expectFloat32(0, 1, 2)
    let shape = try context.input(0).shape
    let axis = try axis(rank: shape.rank, context.node)
    let rowCount = shape.count(0..<axis), width = shape.count(axis..<shape.rank)
    let inner = Shape(Array(shape.dims[axis...]))
    guard rowCount > 0, width > 0 else {
      guard width > 0 || rowCount == 0 else { throw context.invalid("there is nothing to normalize in shape \(shape)") }
      return Kernel { _ in }
    }
    let scale = try Repeated(context, input: 1, shape: inner)
    let bias = context.has(2) ? try Repeated(context, input: 2, shape: inner) : nil
    let copies = (scale.isWhole ? 0 : width) + (bias?.isWhole ?? true ? 0 : width)
    let epsilon = self.epsilon
    return Kernel(scratchByteCount: copies * 4, inPlaceInputs: [0]) { operands in
      var free = operands.exec.pointee.scratch?.assumingMemoryBound(to: Float.self)
      let scale = scale.values(operands, scratch: &free), bias = bias?.values(operands, scratch: &free)
      guard let outputs else {
        vz_rmsnorm_f32(
          operands.exec, rowCount, width, epsilon, operands.input(0), width, scale, operands.output(0), width)
        return
      }
      vz_layernorm_f32(
        operands.exec, rowCount, width, epsilon, operands.input(0), width, scale, bias, operands.output(0), width,
        outputs[1] ? operands.output(1) : nil, outputs[2] ? operands.output(2) : nil)
    }
  }
}

/// A parameter that broadcasts to the normalized axes.
private struct Repeated: Sendable {
  let input: Int
  let shape: [Int]
  let strides: [Int]
  let targetStrides: [Int]
  let isWhole: Bool

  init(_ context: KernelContext, input: Int, shape: Shape) throws(OperatorError) {
    let own = try context.input(input)
    guard own.shape.rank <= shape.rank, own.shape.broadcast(with: shape) == shape else {
      throw context.invalid("input \(input) of shape \(own.shape) does not broadcast to \(shape)")
    }
    guard shape.rank <= Int(VZ_COPY_MAX_RANK) else { throw context.unsupported("more than 8 axes are not implemented") }
    self.input = input
    self.shape = shape.dims
    let lead = shape.rank - own.shape.rank
    let ownStrides = own.strides
    strides = shape.dims.indices.map { $0 < lead || own.shape[$0 - lead] == 1 ? 0 : ownStrides[$0 - lead] }
    targetStrides = shape.rowMajorStrides
    isWhole = own.count == shape.count
  }

  /// The values, copied to `scratch` if they repeat.
  func values(_ operands: Operands, scratch: inout UnsafeMutablePointer<Float>?) -> UnsafePointer<Float> {
    guard !isWhole, let target = scratch else { return operands.input(input) }
    vz_copy_strided(operands.exec, 4, shape.count, shape, operands.rawInput(input), strides, target, targetStrides)
    scratch = target + shape.reduce(1, *)
    return UnsafePointer(target)
  }
}
