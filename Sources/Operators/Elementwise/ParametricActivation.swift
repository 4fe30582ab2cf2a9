import CKernels
import GraphIR
import Tensors

/// ONNX activations with numbers as attributes: `LeakyRelu`, `Elu`, `Gelu`, and their like.
public struct ParametricActivation: ElementwiseOperator, ActivationOperator {
  public static let signatures =
    ["LeakyRelu", "Elu", "Selu", "Celu", "HardSigmoid", "ThresholdedRelu", "Swish", "Gelu"].map { Signature($0) }

  private enum Function: Hashable {
    case leakyRelu(Float)
    case elu(Float)
    case selu(alpha: Float, gamma: Float)
    case celu(Float)
    case hardSigmoid(alpha: Float, beta: Float)
    case thresholdedRelu(Float)
    case swish(Float)
    case gelu
    case geluTanh
  }

  private let function: Function

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    switch node.node.operatorName {
    case "LeakyRelu": function = .leakyRelu(try node.float("alpha", default: 0.01))
    case "Elu": function = .elu(try node.float("alpha", default: 1))
    case "Selu":
      // The defaults of opset 1 are rounder than those since.
      function = .selu(
        alpha: try node.float("alpha", default: node.version < 6 ? 1.6732 : 1.67326319217681884765625),
        gamma: try node.float("gamma", default: node.version < 6 ? 1.0507 : 1.05070102214813232421875))
    case "Celu": function = .celu(try node.float("alpha", default: 1))
    case "HardSigmoid":
      function = .hardSigmoid(alpha: try node.float("alpha", default: 0.2), beta: try node.float("beta", default: 0.5))
    case "ThresholdedRelu": function = .thresholdedRelu(try node.float("alpha", default: 1))
    case "Swish": function = .swish(try node.float("alpha", default: 1))
    case "Gelu":
      switch try node.string("approximate", default: "none") {
      case "none": function = .gelu
      case "tanh": function = .geluTanh
      case let other: throw node.invalid("the approximation “\(other)” does not exist")
      }
    default: throw node.unsupported("the operator is not implemented")
    }
  }

  public func emit(
    _ program: inout ElementwiseProgram, _ inputs: [ElementwiseProgram.Register]
  ) -> ElementwiseProgram.Register {
    let x = inputs[0]
    switch function {
    case .leakyRelu(let alpha): return program.apply(VZ_ELTWISE_LEAKY, x, immediate: alpha)
    case .elu(let alpha): return program.apply(VZ_ELTWISE_ELU, x, immediate: alpha)
    case .celu(let alpha): return program.apply(VZ_ELTWISE_CELU, x, immediate: alpha)
    case .selu(let alpha, let gamma):
      let elu = program.apply(VZ_ELTWISE_ELU, x, immediate: alpha)
      return program.apply(VZ_ELTWISE_MUL, elu, program.constant(gamma))
    case .hardSigmoid(let alpha, let beta):
      return program.apply(VZ_ELTWISE_HARDSIGMOID, x, program.constant(alpha), program.constant(beta))
    case .thresholdedRelu(let alpha):
      let isAbove = program.apply(VZ_ELTWISE_GT, x, program.constant(alpha))
      return program.apply(VZ_ELTWISE_SELECT, isAbove, x, program.constant(0))
    case .swish(1): return program.apply(VZ_ELTWISE_SILU, x)
    case .swish(let alpha):
      let scaled = program.apply(VZ_ELTWISE_MUL, x, program.constant(alpha))
      return program.apply(VZ_ELTWISE_MUL, x, program.apply(VZ_ELTWISE_SIGMOID, scaled))
    case .gelu: return program.apply(VZ_ELTWISE_GELU, x)
    case .geluTanh: return program.apply(VZ_ELTWISE_GELU_TANH, x)
    }
  }

  public func activation(constants: [Tensor?]) -> Activation? {
    switch function {
    case .leakyRelu(let alpha): .leakyRelu(alpha: alpha)
    case .swish(1): .silu
    case .gelu: .gelu
    case .elu, .selu, .celu, .hardSigmoid, .thresholdedRelu, .swish, .geluTanh: nil
    }
  }
}
