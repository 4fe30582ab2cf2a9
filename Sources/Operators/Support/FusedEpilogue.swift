import CKernels
import GraphIR
import Tensors

/// What an operator does to its sums before it stores them: scale, shift, residual, activation.
struct FusedEpilogue: Hashable, Sendable {
  enum Residual: Hashable, Sendable {
    case none
    case beforeActivation
    case afterActivation
  }
  /// One factor and one summand per output channel; both or neither.
  private(set) var scale: [Float]?
  private(set) var shift: [Float]?
  private(set) var activation: Activation?
  private(set) var residual = Residual.none

  var hasResidual: Bool { residual != .none }

  /// Whether input `index` of `count` is the residual: it is always the last.
  func isResidual(_ index: Int, of count: Int) -> Bool { hasResidual && index == count - 1 }

  func folding(scale: [Float], shift: [Float]) -> FusedEpilogue? {
    guard activation == nil, !hasResidual, scale.count == shift.count else { return nil }
    var folded = self
    guard let own = self.scale, let ownShift = self.shift else {
      (folded.scale, folded.shift) = (scale, shift)
      return folded
    }
    guard own.count == scale.count else { return nil }
    folded.scale = zip(own, scale).map { $0 * $1 }
    folded.shift = ownShift.indices.map { ownShift[$0] * scale[$0] + shift[$0] }
    return folded
  }

  func fusing(_ activation: Activation) -> FusedEpilogue? {
    guard self.activation == nil, residual != .afterActivation else { return nil }
    var fused = self
    fused.activation = activation
    return fused
  }

  /// The epilogue with an activation that is the same for every channel; nil for one that is not.
  func fusingShared(_ activation: Activation) -> FusedEpilogue? {
    if case .prelu(let slopes) = activation, slopes.count != 1 { return nil }
    return fusing(activation)
  }

  func fusingResidual() -> FusedEpilogue? {
    guard !hasResidual else { return nil }
    var fused = self
    fused.residual = activation == nil ? .beforeActivation : .afterActivation
    return fused
  }

  /// Scaled sums without bias or activation: a part of a sum that another operator ends.
  var sumsOnly: FusedEpilogue {
    var part = FusedEpilogue()
    part.scale = scale
    part.shift = scale.map { [Float](repeating: 0, count: $0.count) }
    return part
  }

  /// The same with a residual before the activation, even if the activation is there already.
  var addingBeforeActivation: FusedEpilogue {
    var result = self
    result.residual = .beforeActivation
    return result
  }

  /// One summand per channel: the constant `bias`, scaled and shifted.
  func summands(bias: [Float]?, channels: Int) -> [Float] {
    (0..<channels).map { (bias?[$0] ?? 0) * (scale?[$0] ?? 1) + (shift?[$0] ?? 0) }
  }

  /// The activation as the kernels want it, and the memory its slopes are in.
  func action(channels: Int, _ context: KernelContext) throws(OperatorError) -> (vz_act, TensorBuffer?) {
    guard case .prelu(let slopes)? = activation, slopes.count != 1 else {
      return (activation.map(vz_act.init) ?? vz_act(), nil)
    }
    guard slopes.count == channels else {
      throw context.invalid("PRelu has \(slopes.count) slopes for \(channels) channels")
    }
    let buffer = TensorBuffer(byteCount: slopes.count * 4)
    buffer.base.copyMemory(from: slopes, byteCount: slopes.count * 4)
    let slope = UnsafePointer(buffer.base.assumingMemoryBound(to: Float.self))
    return (vz_act(kind: VZ_ACT_PRELU, alpha: 0, beta: 0, slope: slope), buffer)
  }
}

extension vz_act {
  /// - Precondition: a `prelu` has one slope.
  init(_ activation: Activation) {
    self.init()
    switch activation {
    case .relu: kind = VZ_ACT_RELU
    case .clip(let low, let high): (kind, alpha, beta) = (VZ_ACT_CLIP, low, high)
    case .leakyRelu(let slope): (kind, alpha) = (VZ_ACT_LEAKY, slope)
    case .prelu(let slopes): (kind, alpha) = (VZ_ACT_LEAKY, slopes[0])
    case .sigmoid: kind = VZ_ACT_SIGMOID
    case .tanh: kind = VZ_ACT_TANH
    case .silu: kind = VZ_ACT_SILU
    case .gelu: kind = VZ_ACT_GELU
    case .hardSwish: kind = VZ_ACT_HARDSWISH
    }
  }
}
