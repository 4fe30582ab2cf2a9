import CKernels
import GraphIR
import Tensors

/// ONNX `InstanceNormalization`: every channel of every image has mean 0 and variance 1, then a scale and a bias.
public struct InstanceNormalization: ActivationFusing {
  public static let signatures = [Signature("InstanceNormalization")]

  let epsilon: Float
  private var epilogue = FusedEpilogue()

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(3...3)
    epsilon = try node.float("epsilon", default: 1e-5)
  }

  public func fusing(_ activation: Activation) -> InstanceNormalization? {
    guard let fused = epilogue.fusingShared(activation) else { return nil }
    var result = self
    result.epilogue = fused
    return result
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.elementType(0, in: DataType.floats)
    let dims = try context.dims(0, rank: 2...8)
    for index in 1...2 { try context.expectVector(index, count: dims?[1]) }
    return [try context.outputType(type, dims)]
  }

  public func layout(_ context: LayoutContext) -> LayoutPolicy { .any }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Widening.kernel(self, context, of: Widening.floats) { return kernel }
    let channels = try context.input(0).shape[1]
    return try GroupMoments(groups: channels, epsilon: epsilon, isPerGroup: false, epilogue: epilogue).kernel(context)
  }
}

/// ONNX `GroupNormalization`: every group of channels of every image has mean 0 and variance 1, then a scale and a bias
/// for each channel (version 21 on) or each group.
public struct GroupNormalization: ActivationFusing {
  public static let signatures = [Signature("GroupNormalization", versions: 18...Signature.newestOpset)]

  private(set) var moments: GroupMoments

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(3...3)
    guard let groups = try node.int("num_groups"), groups >= 1 else {
      throw node.invalid("attribute “num_groups” must be at least 1")
    }
    moments = GroupMoments(
      groups: groups, epsilon: try node.float("epsilon", default: 1e-5), isPerGroup: node.version < 21)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.elementType(0, in: DataType.floats)
    let dims = try context.dims(0, rank: 2...8)
    if let channels = dims?[1].value, channels % moments.groups != 0 {
      throw context.invalid("\(channels) channels do not fall into \(moments.groups) groups")
    }
    for index in 1...2 {
      try context.expectVector(index, count: moments.isPerGroup ? .fixed(moments.groups) : dims?[1])
    }
    return [try context.outputType(type, dims)]
  }

  public func layout(_ context: LayoutContext) -> LayoutPolicy { .any }
  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Widening.kernel(self, context, of: Widening.floats) { return kernel }
    return try moments.kernel(context)
  }

  public func fusing(_ activation: Activation) -> GroupNormalization? {
    guard let fused = moments.epilogue.fusingShared(activation) else { return nil }
    var result = self
    result.moments.epilogue = fused
    return result
  }
}

/// Normalization over groups of channels.
struct GroupMoments: Hashable, Sendable {
  let groups: Int
  let epsilon: Float
  /// Whether there is one scale and bias for a group instead of one for a channel.
  let isPerGroup: Bool
  var epilogue = FusedEpilogue()

  func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    try context.expectFloat32(0, 1, 2)
    let x = try context.input(0), y = try context.output(0)
    let batch = x.shape[0], channels = x.shape[1], plane = x.shape.count(2..<x.shape.rank)
    let parameters = isPerGroup ? groups : channels
    for index in 1...2 where try context.input(index).count != parameters {
      throw context.invalid("input \(index) has shape \(try context.input(index).shape) instead of [\(parameters)]")
    }
    guard channels % groups == 0 || channels == 0 else {
      throw context.invalid("\(channels) channels do not fall into \(groups) groups")
    }
    guard batch * channels * plane > 0 else { return Kernel { _ in } }
    let spread = isPerGroup ? channels / groups : 0
    // The scales and biases of groups, repeated for their channels, lie before the driver's own scratch memory.
    let repeated = spread > 0 ? (channels * 8 + 63) / 64 * 64 : 0
    let groups = self.groups, epsilon = self.epsilon
    var pixels = (0, 0)
    if case .channelsLast(let from) = x.layout, case .channelsLast(let to) = y.layout { pixels = (from, to) }
    guard x.layout.isChannelsLast == y.layout.isChannelsLast else {
      throw context.unsupported("\(context.node.operatorName) between two layouts is not implemented")
    }
    let (act, _) = try epilogue.action(channels: channels, context)
    let action = epilogue.activation == nil ? nil : Captured(act)
    let own = x.layout.isChannelsLast
      ? vz_groupnorm_nhwc_scratch_bytes(batch, channels, plane, context.target.threads) : 0
    return Kernel(
      scratchByteCount: repeated + own, inPlaceInputs: x.layout == y.layout ? [0] : []
    ) { [pixels] operands in
      var exec = operands.exec.pointee
      var scale = operands.input(1, as: Float.self), bias = operands.input(2, as: Float.self)
      if spread > 0 {
        let target = exec.scratch.assumingMemoryBound(to: Float.self)
        for c in 0..<channels { (target[c], target[channels + c]) = (scale[c / spread], bias[c / spread]) }
        (scale, bias) = (UnsafePointer(target), UnsafePointer(target + channels))
        exec.scratch += repeated
        exec.scratch_bytes -= repeated
      }
      var act = action?.value ?? vz_act()
      withUnsafePointer(to: &act) { act in
        let act = action == nil ? nil : act
        if pixels.0 > 0 {
          vz_groupnorm_nhwc_f32(
            &exec, batch, groups, channels, plane, epsilon, operands.input(0), pixels.0, scale, bias, act,
            operands.output(0), pixels.1)
        } else {
          vz_groupnorm_nchw_f32(
            &exec, batch, groups, channels, plane, epsilon, operands.input(0), scale, bias, act, operands.output(0))
        }
      }
    }
  }
}
