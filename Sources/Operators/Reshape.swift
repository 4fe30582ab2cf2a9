import GraphIR
import Tensors

/// ONNX `Reshape`: the elements in row-major order under another shape, an attribute before opset 5 and input 1 since.
public struct Reshape: Operator {
  public static let signatures = [Signature("Reshape")]

  /// Whether a 0 in the shape means zero rather than “as in the input”.
  let allowsZero: Bool
  private let attribute: [Int]?

  public init(_ node: NodeReader) throws(OperatorError) {
    let isAttribute = node.version < 5
    try node.expectInputs(isAttribute ? 1...1 : 2...2)
    attribute = isAttribute ? try node.ints("shape") ?? [] : nil
    allowsZero = try node.bool("allowzero", default: false)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let input = try context.tensor(0)
    let given = try context.integers(1)
    guard let target = attribute ?? given else {
      let rank = try context.shape(1).flatMap { $0.rank == 1 ? $0[0] : nil }
      return [.tensor(TensorType(input.dataType, rank.map { [Dimension](repeating: .unknown, count: $0) }))]
    }
    return [.tensor(TensorType(input.dataType, try resolve(target, from: input.dims, context)))]
  }

  private func resolve(
    _ target: [Int], from source: [Dimension]?, _ context: InferenceContext
  ) throws(OperatorError) -> [Dimension] {
    var dims: [Dimension] = []
    var inferred: Int?
    for (axis, extent) in target.enumerated() {
      switch extent {
      case -1:
        guard inferred == nil else { throw context.invalid("the shape \(target) has more than one -1") }
        inferred = axis
        dims.append(.unknown)
      case 0 where !allowsZero:
        guard let source else { dims.append(.unknown); continue }
        guard axis < source.count else { throw context.invalid("the shape \(target) copies axis \(axis), which the input lacks") }
        dims.append(source[axis])
      case 0...: dims.append(.fixed(extent))
      default: throw context.invalid("the shape \(target) has a negative extent")
      }
    }
    guard let total = TensorType(nil, source).shape?.count else { return dims }
    let known = TensorType(nil, dims.enumerated().map { $0.offset == inferred ? 1 : $0.element }).shape
    guard let product = known?.checkedCount else { return dims }
    if let inferred {
      guard product > 0 ? total % product == 0 : total == 0 else {
        throw context.invalid("\(total) elements do not fill the shape \(target)")
      }
      dims[inferred] = .fixed(product > 0 ? total / product : 0)
    } else if product != total {
      throw context.invalid("\(total) elements do not fill the shape \(target)")
    }
    return dims
  }

  public func layout(_ context: LayoutContext) -> LayoutPolicy {
    // Where images and channels stay what they are, only space is cut anew: the same memory in either layout.
    guard let x = context.inputs[0], let y = context.outputs[0], x.layout.isChannelsLast, 3...5 ~= y.shape.rank,
      x.shape.dims[..<2] == y.shape.dims[..<2]
    else { return .rowMajor }
    return .channelsLast(inputs: [0], outputs: [0])
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel { .view(of: 0) }
}
