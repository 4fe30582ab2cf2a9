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
    return [.tensor(input), .tensor(TensorType(version < 10 ? input.dataType : .bool, input.dims))]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let (input, output) = (try context.input(0), try context.output(0))
    let mask = context.outputs.count > 1 ? context.outputs[1] : nil
    let isInference = !context.has(2) || context.constant(2)?.integers == [0]
    if isInference, mask == nil { return .view(of: 0) }
    let maskType = mask?.dataType ?? .bool
    guard ElementAccess.supports(maskType), maskType.elementByteCount != nil else {
      throw context.unsupported("a mask of type \(maskType) is not supported")
    }
    let (byteCount, count, hasMask) = (output.byteCount, input.count, mask != nil)
    // Training drops nothing when the ratio is 0.
    let ratioType = context.has(1) ? try context.input(1).dataType : nil
    let failure = context.unsupported("training is not supported")
    return Kernel(inPlaceInputs: [0]) { operands throws(OperatorError) in
      if !isInference, ElementAccess.integer(operands.rawInput(2), 0, .bool) != 0 {
        let ratio = ratioType.map { ElementAccess.double(operands.rawInput(1), 0, $0) } ?? 0.5
        guard ratio == 0 else { throw failure }
      }
      let (source, target) = (operands.rawInput(0), operands.rawOutput(0))
      if source != UnsafeRawPointer(target) { target.copyMemory(from: source, byteCount: byteCount) }
      guard hasMask else { return }
      for k in 0..<count { ElementAccess.store(1 as Int64, operands.rawOutput(1), k, maskType) }
    }
  }
}
