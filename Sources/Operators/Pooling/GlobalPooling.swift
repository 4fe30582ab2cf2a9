import CKernels
import GraphIR
import Tensors

/// ONNX `GlobalAveragePool`: the mean of each channel's plane.
public struct GlobalAveragePool: Operator {
  public static let signatures = [Signature("GlobalAveragePool")]

  public init(_ node: NodeReader) throws(OperatorError) { try node.expectInputs(1...1) }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    try GlobalPooling.infer(context)
  }

  public func layout(_ context: LayoutContext) -> LayoutPolicy { .any }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Widening.kernel(self, context, of: Widening.floats) { return kernel }
    return try GlobalPooling.kernel(context, VZ_REDUCE_MEAN)
  }
}

/// ONNX `GlobalMaxPool`: the largest element of each channel's plane.
public struct GlobalMaxPool: Operator {
  public static let signatures = [Signature("GlobalMaxPool")]

  public init(_ node: NodeReader) throws(OperatorError) { try node.expectInputs(1...1) }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    try GlobalPooling.infer(context)
  }

  public func layout(_ context: LayoutContext) -> LayoutPolicy { .any }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Widening.kernel(self, context, of: Widening.floats) { return kernel }
    return try GlobalPooling.kernel(context, VZ_REDUCE_MAX)
  }
}

/// ONNX `GlobalLpPool`: the p-norm of each channel's plane.
public struct GlobalLpPool: Operator {
  public static let signatures = [Signature("GlobalLpPool")]

  let power: Float

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    power = node.version < 2 ? try node.float("p", default: 2) : Float(try node.int("p", default: 2))
    guard power >= 1 else { throw node.invalid("attribute “p” is \(power); it must be at least 1") }
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    try GlobalPooling.infer(context)
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Widening.kernel(self, context, of: Widening.floats) { return kernel }
    try context.expectFloat32(0)
    let shape = try context.input(0).shape
    var window = vz_pooling()
    (window.batch, window.channels) = (1, shape.count(0..<2))
    let plane = shape.count(2..<shape.rank)
    (window.in, window.kernel) = ((1, 1, plane), (1, 1, max(plane, 1)))
    (window.out, window.stride, window.dilation) = ((1, 1, 1), (1, 1, 1), (1, 1, 1))
    (window.x_channel, window.x_axis) = (plane, (plane, plane, 1))
    (window.y_channel, window.y_axis) = (1, (1, 1, 1))
    let parameters = window, power = self.power
    return Kernel { operands in
      withUnsafePointer(to: parameters) { vz_lp_pool_f32(operands.exec, $0, power, operands.input(0), operands.output(0)) }
    }
  }
}

/// What the pools over whole planes share.
private enum GlobalPooling {
  static func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.elementType(0, in: DataType.floats)
    guard let dims = try context.dims(0, rank: 2...8) else { return [.tensor(TensorType(type, nil as [Dimension]?))] }
    return [try context.outputType(type, dims[..<2] + dims[2...].map { _ in 1 })]
  }

  static func kernel(_ context: KernelContext, _ operation: vz_reduce_op) throws(OperatorError) -> Kernel {
    try context.expectFloat32(0)
    let x = try context.input(0), y = try context.output(0)
    // One image at a time: its outputs are neighbours in every layout.
    let shape = Array(x.shape.dims[1...]), strides = Array(x.strides[1...])
    let batch = x.shape[0], from = x.strides[0], to = y.strides[0]
    let axes = UInt32(truncatingIfNeeded: (1 << shape.count) - 2)
    return Kernel { operands in
      let source = operands.input(0, as: Float.self), target = operands.output(0, as: Float.self)
      shape.withUnsafeBufferPointer { shape in
        strides.withUnsafeBufferPointer { strides in
          for n in 0..<batch {
            vz_reduce_f32(
              operands.exec, operation, shape.count, shape.baseAddress, axes, source + n * from, strides.baseAddress,
              target + n * to)
          }
        }
      }
    }
  }
}
