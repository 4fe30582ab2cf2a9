import CKernels
import GraphIR
import Tensors

/// ONNX `GridSample`: an image or a volume read at the positions that a grid names.
public struct GridSample: Operator {
  public static let signatures = [Signature("GridSample", versions: 16...Signature.newestOpset)]

  let mode: vz_gridsample_mode
  let padding: vz_gridsample_padding
  let alignsCorners: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(2...2)
    switch try node.string("mode", default: "linear") {
    case "linear", "bilinear": mode = VZ_GRIDSAMPLE_LINEAR
    case "nearest": mode = VZ_GRIDSAMPLE_NEAREST
    case "cubic", "bicubic": mode = VZ_GRIDSAMPLE_CUBIC
    case let other: throw node.invalid("attribute “mode” is “\(other)”")
    }
    switch try node.string("padding_mode", default: "zeros") {
    case "zeros": padding = VZ_GRIDSAMPLE_ZEROS
    case "border": padding = VZ_GRIDSAMPLE_BORDER
    case "reflection": padding = VZ_GRIDSAMPLE_REFLECTION
    case let other: throw node.invalid("attribute “padding_mode” is “\(other)”")
    }
    alignsCorners = try node.bool("align_corners", default: false)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.tensor(0).dataType
    let x = try context.dims(0, rank: 4...5), grid = try context.dims(1, rank: 4...5)
    _ = try context.elementType(1, in: DataType.floats)
    guard let x, let grid else { return [.tensor(TensorType(type, nil as [Dimension]?))] }
    guard x.count == grid.count else {
      throw context.invalid(
        "an input of shape \(TensorType(nil, x).extents) and a grid of shape \(TensorType(nil, grid).extents) "
          + "have different ranks")
    }
    if let coordinates = grid[grid.count - 1].value, coordinates != x.count - 2 {
      throw context.invalid("the grid's positions have \(coordinates) coordinates instead of \(x.count - 2)")
    }
    if let a = x[0].value, let b = grid[0].value, a != b {
      throw context.invalid("the input holds \(a) images, but the grid is for \(b)")
    }
    if x.count == 5, mode == VZ_GRIDSAMPLE_CUBIC {
      throw context.unsupported("cubic sampling of volumes is not implemented")
    }
    let batch = x[0].value == nil ? grid[0] : x[0]
    return [try context.outputType(type, [batch, x[1]] + grid[1..<(grid.count - 1)])]
  }

  public func layout(_ context: LayoutContext) -> LayoutPolicy {
    // A sample of many channels reads neighbouring elements when channels are innermost.
    guard let x = context.inputs.first ?? nil, x.shape.rank >= 3, x.shape[1] >= 4 else { return .rowMajor }
    return .channelsLast(inputs: [0], outputs: [0])
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Widening.kernel(self, context, of: Widening.floats.union(DataType.wholeIntegers).union([.bool])) { return kernel }
    try context.expectFloat32(0, 1)
    let x = try context.input(0), grid = try context.input(1), y = try context.output(0)
    let rank = x.shape.rank
    guard x.shape.dims[2...].allSatisfy({ $0 > 0 }) || y.count == 0 else {
      throw context.invalid("an input of shape \(x.shape) has nothing to sample")
    }
    guard y.count > 0 else { return Kernel { _ in } }
    let (from, at, to) = (x.strides, grid.strides, y.strides)
    var parameters = vz_gridsample_shape()
    parameters.batch = x.shape[0]
    parameters.channels = x.shape[1]
    parameters.in = triple(Array(x.shape.dims[2...]), filledWith: 1)
    parameters.out = triple(Array(y.shape.dims[2...]), filledWith: 1)
    parameters.x_batch = from[0]
    parameters.x_channel = from[1]
    parameters.x_axis = triple(Array(from[2...]), filledWith: 0)
    parameters.grid_batch = at[0]
    parameters.grid_axis = triple(Array(at[1..<(rank - 1)]), filledWith: 0)
    parameters.grid_coordinate = at[rank - 1]
    parameters.y_batch = to[0]
    parameters.y_channel = to[1]
    parameters.y_axis = triple(Array(to[2...]), filledWith: 0)
    parameters.mode = mode
    parameters.padding = padding
    parameters.align_corners = alignsCorners
    let shape = parameters
    return Kernel { operands in
      withUnsafePointer(to: shape) { shape in
        if rank == 4 {
          vz_gridsample2d_f32(operands.exec, shape, operands.input(0), operands.input(1), operands.output(0))
        } else {
          vz_gridsample3d_f32(operands.exec, shape, operands.input(0), operands.input(1), operands.output(0))
        }
      }
    }
  }
}
