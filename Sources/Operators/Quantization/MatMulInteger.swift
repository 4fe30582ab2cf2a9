import GraphIR
import Tensors

/// ONNX `MatMulInteger`: the product of 8-bit matrices, less their zero points, in int32.
public struct MatMulInteger: Operator {
  public static let signatures = [Signature("MatMulInteger", versions: 10...Signature.newestOpset)]

  private let inputs: IntegerProduct.Inputs

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(2...4)
    inputs = IntegerProduct.Inputs(
      a: 0, b: 1, aZero: node.hasInput(2) ? 2 : nil, bZero: node.hasInput(3) ? 3 : nil)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    _ = try context.elementType(0, in: [.uint8, .int8])
    _ = try context.elementType(1, in: [.uint8, .int8])
    try context.expectSameElementType(0, 2)
    try context.expectSameElementType(1, 3)
    return [try context.outputType(.int32, try context.productDims(0, 1))]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    guard try context.output(0).count > 0 else { return Kernel { _ in } }
    let product = try IntegerProduct(inputs, context)
    return Kernel(
      scratchByteCount: product.scratchByteCount, retained: [product.packed, product.products.offsets].compactMap { $0 },
      unreadInputs: product.unread
    ) { operands in product.run(operands, into: operands.output(0)) }
  }
}
