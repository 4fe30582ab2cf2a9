import GraphIR
import Tensors

/// ONNX `Conv` over 1, 2 or 3 spatial axes.
public struct Conv: ActivationFusing, AffineFolding, ResidualFusing {
  public static let signatures = [Signature("Conv")]

  let window: SlidingWindow
  let groups: Int
  var epilogue = FusedEpilogue()

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(2...3)
    window = try SlidingWindow(node)
    groups = try node.int("group", default: 1)
    guard groups >= 1 else { throw node.invalid("attribute “group” is \(groups); it must be at least 1") }
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.elementType(0, in: DataType.floats)
    try context.expectSameElementType(0, 1)
    let unknown = [ValueType.tensor(TensorType(type, nil as [Dimension]?))]
    let x = try context.dims(0, rank: 3...5), w = try context.dims(1, rank: 3...5)
    guard let rank = x?.count ?? w?.count else { return unknown }
    guard (x?.count ?? rank) == (w?.count ?? rank) else {
      throw context.invalid(
        "an input of shape \(TensorType(nil, x).extents) does not fit weights of shape \(TensorType(nil, w).extents)")
    }
    let channels = x?[1].value, perGroup = w?[1].value, filters = w?[0]
    if let channels, let perGroup, channels.isMultiple(of: groups) == false || channels / groups != perGroup {
      throw context.invalid(
        "an input of shape \(TensorType(nil, x).extents) has \(channels) channels; weights of shape "
          + "\(TensorType(nil, w).extents) in \(groups) groups need \(perGroup) for each group")
    }
    if let count = filters?.value, !count.isMultiple(of: groups) {
      throw context.invalid("\(count) filters do not fall into \(groups) groups")
    }
    if !epilogue.isResidual(2, of: context.inputs.count) { try context.expectVector(2, count: filters) }
    var space = [Dimension](repeating: .unknown, count: rank - 2)
    let weightKernel = w.flatMap { TensorType(nil, Array($0[2...])).shape?.dims }
    if let kernel = window.kernel ?? weightKernel, let x {
      if let own = weightKernel { try window.expect(rank: rank - 2, kernel: own, context.node) }
      space = try window.outputs(of: Array(x[2...]), kernel: kernel, context)
    }
    return [try context.outputType(type, [x?[0] ?? .unknown, filters ?? .unknown] + space)]
  }

  public func layout(_ context: LayoutContext) -> LayoutPolicy {
    .channelsLast(inputs: epilogue.hasResidual ? [0, context.inputs.count - 1] : [0], outputs: [0])
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Widening.kernel(self, context, of: Widening.floats) { return kernel }
    let x = try context.input(0), w = try context.input(1)
    let axes = try window.axes(of: x.shape.dims[2...], kernel: Array(w.shape.dims[2...]), context)
    return try Convolution(context, axes: axes, groups: groups, isTransposed: false, epilogue: epilogue).kernel(context)
  }

  public func fusing(_ activation: Activation) -> Conv? { with(epilogue.fusing(activation)) }
  public func folding(scale: [Float], shift: [Float]) -> Conv? { with(epilogue.folding(scale: scale, shift: shift)) }
  public func fusingResidual() -> Conv? { with(epilogue.fusingResidual()) }

  private func with(_ epilogue: FusedEpilogue?) -> Conv? {
    guard let epilogue else { return nil }
    var fused = self
    fused.epilogue = epilogue
    return fused
  }
}
