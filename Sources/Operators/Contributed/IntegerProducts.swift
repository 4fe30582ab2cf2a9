import GraphIR
import Tensors

extension Expansion {
  /// The product of quantized matrices as floats: (a - zero) (b - zero) · scale of a · scale of b + bias.
  mutating func floatProduct(
    _ a: ValueID, _ aScale: ValueID, _ aZero: ValueID?, _ b: ValueID, _ bScale: ValueID, _ bZero: ValueID?,
    bias: ValueID?
  ) -> ValueID {
    let sums = apply("MatMulInteger", [a, b, aZero, bZero])
    let product = multiply(cast(sums, to: .float32), multiply(aScale, bScale))
    return bias.map { add(product, $0) } ?? product
  }
}

/// `com.microsoft` `DynamicQuantizeMatMul`: floats, quantized by their range, times a quantized matrix.
///
/// Inputs: A, B, scale of B, and optionally the zero point of B and a bias.
struct DynamicQuantizeMatMul: CompositeOperator {
  static let signatures = [Signature("DynamicQuantizeMatMul", domain: Contributed.domain)]

  init(_ node: NodeReader) throws(OperatorError) { try node.expectInputs(3...5) }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    let a = expansion.apply("DynamicQuantizeLinear", [try expansion.input(0)], outputs: 3)
    return [
      expansion.floatProduct(
        a[0], a[1], a[2], try expansion.input(1), try expansion.input(2), expansion.optional(3),
        bias: expansion.optional(4))
    ]
  }
}

/// `com.microsoft` `MatMulIntegerToFloat`: A, B, their scales, and optionally their zero points and a bias.
struct MatMulIntegerToFloat: CompositeOperator {
  static let signatures = [Signature("MatMulIntegerToFloat", domain: Contributed.domain)]

  init(_ node: NodeReader) throws(OperatorError) { try node.expectInputs(4...7) }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    [
      expansion.floatProduct(
        try expansion.input(0), try expansion.input(2), expansion.optional(4), try expansion.input(1),
        try expansion.input(3), expansion.optional(5), bias: expansion.optional(6))
    ]
  }
}
