import GraphIR
import Tensors

/// ONNX `Concat`: the inputs one behind the other along an axis.
public struct Concat: Operator {
  public static let signatures = [Signature("Concat")]

  /// As given; negative numbers count from the end.
  public let axis: Int

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...Int.max)
    guard let axis = try node.int("axis") ?? (node.version < 4 ? 1 : nil) else {
      throw node.invalid("the attribute “axis” is missing")
    }
    self.axis = axis
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let types = try context.inputs.indices.map { index throws(OperatorError) in try context.tensor(index) }
    let dataType = types.lazy.compactMap(\.dataType).first
    for type in types where type.dataType != nil && type.dataType != dataType {
      throw context.invalid("the inputs have different types")
    }
    guard let rank = types.lazy.compactMap({ $0.dims?.count }).first else {
      return [.tensor(TensorType(dataType, nil as [Dimension]?))]
    }
    let axis = try context.axis(axis, rank: rank)
    var dims = [Dimension](repeating: .unknown, count: rank)
    var total: Int? = 0
    for (index, type) in types.enumerated() {
      guard let own = type.dims else {
        total = nil
        continue
      }
      guard own.count == rank else { throw context.invalid("input \(index) has rank \(own.count), not \(rank)") }
      for other in 0..<rank where other != axis {
        dims[other] = try merge(dims[other], own[other], axis: other, index, context)
      }
      guard let sum = total, let extent = own[axis].value else {
        total = nil
        continue
      }
      let (next, overflow) = sum.addingReportingOverflow(extent)
      guard !overflow else { throw context.invalid("axis \(axis) becomes too long") }
      total = next
    }
    dims[axis] = total.map { .fixed($0) } ?? (types.count == 1 ? types[0].dims?[axis] ?? .unknown : .unknown)
    try context.checkCount(dims, of: dataType)
    return [.tensor(TensorType(dataType, dims))]
  }

  private func merge(
    _ known: Dimension, _ extent: Dimension, axis: Int, _ index: Int, _ context: InferenceContext
  ) throws(OperatorError) -> Dimension {
    switch (known, extent) {
    case (.fixed(let a), .fixed(let b)):
      guard a == b else { throw context.invalid("input \(index) has extent \(b) along axis \(axis), not \(a)") }
      return known
    case (.fixed, _), (.symbol, .unknown), (.symbol, .symbol): return known
    case (_, .fixed), (.unknown, _): return extent
    }
  }

  public func layout(_ context: LayoutContext) -> LayoutPolicy { .any }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Unpacking.kernel(self, context) { return kernel }
    let output = try context.output(0)
    let axis = try context.axis(axis, rank: output.shape.rank)
    let width = try context.movableByteCount(output.dataType)
    if context.inputs.count == 1, try context.input(0).layout == output.layout { return .view(of: 0) }
    var steps: [StridedCopy] = []
    var position = 0
    for index in context.inputs.indices {
      let input = try context.input(index)
      steps.append(
        StridedCopy(
          shape: input.shape.dims, elementByteCount: width, from: index, offset: 0, strides: input.strides, to: 0,
          outputOffset: position * output.strides[axis], outputStrides: output.strides))
      position += input.shape[axis]
    }
    return .copies(steps)
  }
}
