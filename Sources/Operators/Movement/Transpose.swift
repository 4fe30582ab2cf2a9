import GraphIR
import Tensors

/// ONNX `Transpose`: output axis *i* is input axis `perm[i]`; by default the axes in reverse.
public struct Transpose: Operator {
  public static let signatures = [Signature("Transpose")]

  /// The attribute as given; nil reverses the axes.
  public let permutation: [Int]?

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    permutation = try node.ints("perm")
    guard let permutation else { return }
    guard Set(permutation) == Set(permutation.indices) else {
      throw node.invalid("\(permutation) is not a permutation of the axes")
    }
  }

  private func permutation(rank: Int, _ context: some Diagnosing) throws(OperatorError) -> [Int] {
    let permutation = permutation ?? (0..<rank).reversed()
    guard permutation.count == rank else {
      throw context.invalid("the permutation \(permutation) does not fit rank \(rank)")
    }
    return permutation
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let input = try context.tensor(0)
    guard let dims = input.dims else {
      let rank = permutation?.count
      return [.tensor(TensorType(input.dataType, rank.map { [Dimension](repeating: .unknown, count: $0) }))]
    }
    return [.tensor(TensorType(input.dataType, try permutation(rank: dims.count, context).map { dims[$0] }))]
  }

  public func layout(_ context: LayoutContext) -> LayoutPolicy {
    guard let rank = context.inputs[0]?.shape.rank, (3...5).contains(rank), let permutation else { return .rowMajor }
    // Moving channels last, or back, only renames the axes of channels-last memory.
    let toLast = [0] + (2..<rank) + [1]
    let fromLast = [0, rank - 1] + (1..<(rank - 1))
    if permutation == toLast { return .channelsLast(inputs: [0], outputs: []) }
    if permutation == fromLast { return .channelsLast(inputs: [], outputs: [0]) }
    return .rowMajor
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Unpacking.kernel(self, context) { return kernel }
    let input = try context.input(0)
    let strides = input.strides
    let order = try permutation(rank: input.shape.rank, context)
    return try .box(of: 0, offset: 0, strides: order.map { strides[$0] }, context)
  }
}
