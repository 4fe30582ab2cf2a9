import GraphIR
import Tensors

/// ONNX `Unsqueeze`: the input with axes of one element inserted.
///
/// Axes are an attribute before opset 13 and an input since; they count in the output.
public struct Unsqueeze: Operator {
  public static let signatures = [Signature("Unsqueeze")]

  private let attribute: [Int]?

  public init(_ node: NodeReader) throws(OperatorError) {
    let isAttribute = node.version < 13
    try node.expectInputs(isAttribute ? 1...1 : 2...2)
    attribute = isAttribute ? try node.ints("axes") : nil
    if isAttribute, attribute == nil { throw node.invalid("the attribute “axes” is missing") }
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let input = try context.tensor(0)
    guard let dims = input.dims else { return [.tensor(TensorType(input.dataType, nil as [Dimension]?))] }
    guard let listed = attribute != nil ? attribute : try context.integers(1) else {
      guard let shape = try context.shape(1), let count = shape.checkedCount, count <= 64 else {
        return [.tensor(TensorType(input.dataType, nil as [Dimension]?))]
      }
      let unknown = [Dimension](repeating: .unknown, count: dims.count + count)
      return [.tensor(TensorType(input.dataType, unknown))]
    }
    let rank = dims.count + listed.count
    let axes = Set(try context.axes(listed, rank: rank))
    var rest = dims[...]
    let result = (0..<rank).map { axes.contains($0) ? 1 : rest.removeFirst() }
    return [.tensor(TensorType(input.dataType, result))]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel { .view(of: 0) }
}
