import GraphIR
import Tensors

/// A function applied to every element of an operator's output before it is stored.
public enum Activation: Hashable, Sendable {
  case relu
  case clip(low: Float, high: Float)
  case leakyRelu(alpha: Float)
  /// One slope per output channel.
  case prelu(slopes: [Float])
  case sigmoid
  case tanh
  case silu
  case gelu
  case hardSwish
}

/// An operator that can apply an activation to its own output.
public protocol ActivationFusing: Operator {
  /// The operator followed by `activation`, or nil when it cannot (it already has one).
  func fusing(_ activation: Activation) -> Self?
}

/// An operator with output channels (axis 1) that can take a per-channel scale and shift into its weights.
public protocol AffineFolding: Operator {
  /// The operator followed by `y[c] = scale[c]·x[c] + shift[c]`, or nil when it cannot.
  func folding(scale: [Float], shift: [Float]) -> Self?
}

/// An operator that is an activation when it stands alone (`Relu`, `Clip` with constant bounds, …).
public protocol ActivationOperator: Operator {
  /// What it applies, given its constant inputs; nil when it depends on data.
  func activation(constants: [Tensor?]) -> Activation?
}

/// An operator that per channel (axis 1) multiplies and adds constants (`BatchNormalization` at inference).
public protocol AffineOperator: Operator {
  func affine(constants: [Tensor?]) -> (scale: [Float], shift: [Float])?
}

/// An operator that can add another value of its output's shape to its output.
public protocol ResidualFusing: Operator {
  /// The operator with one more input, appended after its present ones: the value it adds. It is added before the
  /// activation if the operator has none yet (one may still be fused), otherwise after it. Nil when it cannot.
  func fusingResidual() -> Self?
}

/// An operator that can add a constant vector along its output's last axis.
public protocol BiasFusing: Operator {
  /// The operator followed by adding `bias` to every row, or nil when it cannot.
  func fusing(bias: [Float]) -> Self?
}
