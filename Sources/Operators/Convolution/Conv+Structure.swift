import Tensors

extension Conv {
  /// Whether each output pixel sees one input pixel, the one at its own place, in a single group.
  ///
  /// - Parameter weights: the shape of the weights.
  public func isPointwise(weights: Shape) -> Bool {
    guard groups == 1, weights.rank == 4, weights[2] == 1, weights[3] == 1 else { return false }
    guard window.strides?.allSatisfy({ $0 == 1 }) ?? true else { return false }
    if case .explicit(let pads) = window.padding { return pads.allSatisfy { $0 == 0 } }
    return true
  }

  /// Whether each output channel sees the input channel of its number only.
  public func isDepthwise(weights: Shape) -> Bool {
    weights.rank == 4 && groups > 1 && groups == weights[0] && weights[1] == 1
  }

  public var hasResidual: Bool { epilogue.hasResidual }
  /// Whether something is added to the sums before the activation.
  public var addsBeforeActivation: Bool { epilogue.residual == .beforeActivation }

  /// Two convolutions whose outputs make up this one's when the weights are split by input channel: `part` only sums,
  /// and `rest` adds its output, as one more input, before the activation. Nil if something is added already.
  public func split() -> (part: Conv, rest: Conv)? {
    guard !epilogue.hasResidual else { return nil }
    var part = self, rest = self
    part.epilogue = epilogue.sumsOnly
    rest.epilogue = epilogue.addingBeforeActivation
    return (part, rest)
  }
}
