import CKernels
import GraphIR
import Tensors

/// ONNX `Clip`: elements below the lower bound become it, then elements above the upper bound become that.
///
/// The bounds are attributes before opset 11 and optional scalar inputs since.
public struct Clip: ElementwiseOperator, ActivationOperator {
  public static let signatures = [Signature("Clip")]

  /// The bounds given as attributes; nil where there is none.
  private let low: Float?
  private let high: Float?
  private let hasLowInput: Bool
  private let hasHighInput: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...(node.version < 11 ? 1 : 3))
    low = node.version < 11 ? try node.float("min") : nil
    high = node.version < 11 ? try node.float("max") : nil
    hasLowInput = node.hasInput(1)
    hasHighInput = node.hasInput(2)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    var types: [DataType?] = []
    for index in context.inputs.indices where context.has(index) {
      let type = try context.tensor(index)
      types.append(type.dataType)
      if index > 0, let shape = type.shape, shape.checkedCount != 1 {
        throw context.invalid("the bound in input \(index) has the shape \(shape); it must be a scalar")
      }
    }
    return [.tensor(TensorType(try commonType(types, context), try context.tensor(0).dims))]
  }

  public func emit(
    _ program: inout ElementwiseProgram, _ inputs: [ElementwiseProgram.Register]
  ) -> ElementwiseProgram.Register {
    let lower = hasLowInput ? inputs[1] : low.map { program.constant($0) }
    let upper = hasHighInput ? inputs[hasLowInput ? 2 : 1] : high.map { program.constant($0) }
    switch (lower, upper) {
    case (let lower?, let upper?): return program.apply(VZ_ELTWISE_CLIP, inputs[0], lower, upper)
    case (let lower?, nil): return program.apply(VZ_ELTWISE_MAX, inputs[0], lower)
    case (nil, let upper?): return program.apply(VZ_ELTWISE_MIN, inputs[0], upper)
    case (nil, nil): return program.apply(VZ_ELTWISE_COPY, inputs[0])
    }
  }

  public func activation(constants: [Tensor?]) -> Activation? {
    func bound(_ input: Int, _ attribute: Float?, _ isGiven: Bool, _ fallback: Float) -> Float? {
      guard isGiven else { return attribute ?? fallback }
      guard input < constants.count, let tensor = constants[input], tensor.dataType == .float32, tensor.count == 1
      else { return nil }
      return tensor.elements(as: Float.self)[0]
    }
    guard let low = bound(1, low, hasLowInput, -.infinity), let high = bound(2, high, hasHighInput, .infinity),
      low <= high
    else { return nil }
    return low == 0 && high == .infinity ? .relu : .clip(low: low, high: high)
  }
}
