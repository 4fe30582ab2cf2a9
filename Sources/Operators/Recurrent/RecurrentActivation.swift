#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif
import CKernels
import GraphIR

/// An activation of a recurrent cell.
struct RecurrentActivation: Hashable, Sendable {
  enum Function: String, Hashable, Sendable {
    case relu, tanh, sigmoid, affine, leakyrelu, thresholdedrelu, scaledtanh, hardsigmoid, elu, softsign, softplus
  }
  let function: Function
  let alpha: Float
  let beta: Float

  /// Applies the function to `count` neighbouring values.
  func apply(_ kernels: UnsafePointer<vz_kernels>, _ x: UnsafeMutablePointer<Float>, count: Int) {
    var act = vz_act()
    switch function {
    case .relu: act.kind = VZ_ACT_RELU
    case .tanh: act.kind = VZ_ACT_TANH
    case .sigmoid: act.kind = VZ_ACT_SIGMOID
    case .leakyrelu: (act.kind, act.alpha) = (VZ_ACT_LEAKY, alpha)
    case .affine: for i in 0..<count { x[i] = alpha * x[i] + beta }
    case .thresholdedrelu: for i in 0..<count where !(x[i] > alpha) { x[i] = x[i].isNaN ? x[i] : 0 }
    case .scaledtanh: for i in 0..<count { x[i] = alpha * tanhf(beta * x[i]) }
    case .hardsigmoid: for i in 0..<count { x[i] = min(max(alpha * x[i] + beta, 0), 1) }
    case .elu: for i in 0..<count where x[i] < 0 { x[i] = alpha * expm1f(x[i]) }
    case .softsign: for i in 0..<count { x[i] /= 1 + abs(x[i]) }
    case .softplus: for i in 0..<count { x[i] = max(x[i], 0) + log1pf(expf(-abs(x[i]))) }
    }
    guard act.kind != VZ_ACT_NONE else { return }
    kernels.pointee.activate_f32(1, count, &act, x, count)
  }

  /// The activations of every direction, from the attributes of the node.
  ///
  /// - Parameter defaults: those of one direction.
  static func read(
    _ node: NodeReader, directions: Int, defaults: [Function]
  ) throws(OperatorError) -> [[RecurrentActivation]] {
    var names: [Function] = []
    switch node.node.attributes["activations"] {
    case nil: names = (0..<directions).flatMap { _ in defaults }
    case .strings(let listed):
      for bytes in listed {
        let name = String(decoding: bytes, as: UTF8.self)
        guard let function = Function(rawValue: name.lowercased()) else {
          throw node.invalid("attribute “activations” names “\(name)”")
        }
        names.append(function)
      }
    default: throw node.invalid("attribute “activations” is not a list of strings")
    }
    guard names.count == directions * defaults.count else {
      throw node.invalid(
        "attribute “activations” lists \(names.count) functions; \(directions * defaults.count) are needed")
    }
    var alphas = try node.floats("activation_alpha") ?? [], betas = try node.floats("activation_beta") ?? []
    var result: [RecurrentActivation] = []
    for function in names {
      // Each list holds values only for the functions that have the parameter.
      var alpha: Float?, beta: Float?
      switch function {
      case .affine: (alpha, beta) = (1, 0)
      case .leakyrelu: alpha = 0.01
      case .thresholdedrelu: alpha = 1
      case .scaledtanh: (alpha, beta) = (1, 1)
      case .hardsigmoid: (alpha, beta) = (0.2, 0.5)
      case .elu: alpha = 1
      case .relu, .tanh, .sigmoid, .softsign, .softplus: break
      }
      if alpha != nil, !alphas.isEmpty { alpha = alphas.removeFirst() }
      if beta != nil, !betas.isEmpty { beta = betas.removeFirst() }
      result.append(RecurrentActivation(function: function, alpha: alpha ?? 0, beta: beta ?? 0))
    }
    return (0..<directions).map { Array(result[$0 * defaults.count..<($0 + 1) * defaults.count]) }
  }
}
