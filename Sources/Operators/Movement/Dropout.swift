import GraphIR
import Tensors

/// ONNX `Dropout` at inference: the input, and a mask that keeps everything.
public struct Dropout: Operator {
  public static let signatures = [Signature("Dropout")]

  private let version: Int

  public init(_ node: NodeReader) throws(OperatorError) {
    version = node.version
    try node.expectInputs(1...(version < 12 ? 1 : 3))
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let input = try context.tensor(0)
    if context.has(2), let training = try context.integers(2)?.first, training != 0 {
      let given = context.constant(1).flatMap { $0.dataType == .float32 ? $0.elements(as: Float.self).first : nil }
      guard given == 0 else { throw context.unsupported("training is not supported") }
    }
    return [.tensor(input), .tensor(TensorType(version < 10 ? input.dataType : .bool, input.dims))]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let (input, output) = (try context.input(0), try context.output(0))
    guard context.outputs.count > 1, let mask = context.outputs[1] else { return .view(of: 0) }
    guard ElementAccess.supports(mask.dataType), mask.dataType.elementByteCount != nil else {
      throw context.unsupported("a mask of type \(mask.dataType) is not supported")
    }
    let (byteCount, count, type) = (output.byteCount, input.count, mask.dataType)
    return Kernel(inPlaceInputs: [0]) { operands in
      let (source, target) = (operands.rawInput(0), operands.rawOutput(0))
      if source != UnsafeRawPointer(target) { target.copyMemory(from: source, byteCount: byteCount) }
      for k in 0..<count { ElementAccess.store(1 as Int64, operands.rawOutput(1), k, type) }
    }
  }
}
