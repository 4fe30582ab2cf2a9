import CKernels
import GraphIR
import Tensors

/// Builds the parameter block of the pooling kernels.
enum PoolingShape {
  static func make(_ context: KernelContext, axes: [WindowAxis]) throws(OperatorError) -> vz_pooling {
    let x = try context.input(0), y = try context.output(0)
    guard axes.count <= 3 else { throw context.unsupported("pooling over \(axes.count) axes is not implemented") }
    var shape = vz_pooling()
    shape.batch = x.shape[0]
    shape.channels = x.shape[1]
    shape.in = triple(axes.map(\.input), filledWith: 1)
    shape.out = triple(axes.map(\.output), filledWith: 1)
    shape.kernel = triple(axes.map(\.kernel), filledWith: 1)
    shape.stride = triple(axes.map(\.stride), filledWith: 1)
    shape.dilation = triple(axes.map(\.dilation), filledWith: 1)
    shape.pad_before = triple(axes.map(\.padBefore), filledWith: 0)
    shape.pad_after = triple(axes.map(\.padAfter), filledWith: 0)
    let from = x.strides, to = y.strides
    shape.x_batch = from[0]
    shape.x_channel = from[1]
    shape.x_axis = triple(Array(from[2...]), filledWith: 0)
    shape.y_batch = to[0]
    shape.y_channel = to[1]
    shape.y_axis = triple(Array(to[2...]), filledWith: 0)
    return shape
  }
}

extension SlidingWindow {
  /// The type of a pool's outputs.
  func pooledDims(_ context: InferenceContext) throws(OperatorError) -> [Dimension]? {
    guard let dims = try context.dims(0, rank: 3...8) else { return nil }
    guard let kernel else { throw context.invalid("attribute “kernel_shape” is missing") }
    return try Array(dims[..<2]) + outputs(of: Array(dims[2...]), kernel: kernel, context)
  }

  func pooledAxes(_ context: KernelContext) throws(OperatorError) -> [WindowAxis] {
    guard let kernel else { throw context.invalid("attribute “kernel_shape” is missing") }
    return try axes(of: context.input(0).shape.dims[2...], kernel: kernel, context)
  }
}
