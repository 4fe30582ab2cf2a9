import GraphIR
import Tensors

/// ONNX `MaxUnpool`: elements put back where `MaxPool` found them, zeros elsewhere.
public struct MaxUnpool: Operator {
  public static let signatures = [Signature("MaxUnpool", versions: 9...Signature.newestOpset)]

  let window: SlidingWindow

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(2...3)
    window = try SlidingWindow(node)
    guard window.kernel != nil else { throw node.invalid("attribute “kernel_shape” is missing") }
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.elementType(0, in: DataType.floats)
    let dims = try context.dims(0, rank: 3...8)
    if let dims, let indices = try context.tensor(1).dims {
      let fits = zip(dims, indices).allSatisfy { $0.mayEqual($1) }
      guard indices.count == dims.count, fits else {
        throw context.invalid(
          "indices of shape \(TensorType(nil, indices).extents) do not fit an input of shape "
            + TensorType(nil, dims).extents)
      }
    }
    if context.has(2) {
      guard let given = try context.integers(2) else {
        return [.tensor(TensorType(type, dims.map { $0.map { _ in .unknown } }))]
      }
      guard given.count == dims?.count ?? given.count, given.allSatisfy({ $0 >= 0 }) else {
        throw context.invalid("the output shape \(given) does not fit the input")
      }
      return [try context.outputType(type, given.map(Dimension.fixed))]
    }
    guard let dims else { return [.tensor(TensorType(type, nil as [Dimension]?))] }
    let rank = dims.count - 2
    try window.expect(rank: rank, kernel: window.kernel ?? [], context.node)
    var space: [Dimension] = []
    for axis in 0..<rank {
      var pads = 0
      if case .explicit(let all) = window.padding, !all.isEmpty { pads = all[axis] + all[axis + rank] }
      guard let extent = dims[axis + 2].value, extent <= SlidingWindow.largestExtent else {
        space.append(.unknown)
        continue
      }
      let output = (extent - 1) * (window.strides?[axis] ?? 1) + window.kernel![axis] - pads
      guard output >= 0 else { throw context.invalid("the pads leave nothing of axis \(axis + 2)") }
      space.append(.fixed(output))
    }
    return [try context.outputType(type, dims[..<2] + space)]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let x = try context.input(0), y = try context.output(0)
    guard let width = x.dataType.elementByteCount, try context.input(1).dataType == .int64 else {
      throw context.invalid("indices must be int64")
    }
    let count = x.count, byteCount = y.byteCount, label = context.node.label
    // Indices count within the pooled tensor's own extents; a larger output keeps the coordinates.
    let pooled = [TensorType(x.dataType, x.shape), TensorType(.int64, x.shape)]
    let natural = try infer(
      InferenceContext(node: withoutShape(context.node), inputs: pooled.map { .init(type: .tensor($0)) })
    )[0].tensor?.shape ?? y.shape
    guard natural.rank == y.shape.rank else { throw context.invalid("the output shape \(y.shape) does not fit the input") }
    let strides = y.shape.rowMajorStrides, extents = natural.dims, limits = y.shape.dims
    let isNatural = natural == y.shape, total = natural.count
    return Kernel { operands throws(OperatorError) in
      let source = operands.rawInput(0), indices = operands.input(1, as: Int64.self), target = operands.rawOutput(0)
      target.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
      for element in 0..<count {
        let index = Int(indices[element])
        guard 0..<total ~= index else {
          throw OperatorError(.invalid, node: label, "the index \(index) lies outside an output of \(total) elements")
        }
        var place = index
        if !isNatural {
          var rest = index
          place = 0
          for axis in extents.indices.reversed() {
            let (quotient, position) = rest.quotientAndRemainder(dividingBy: extents[axis])
            rest = quotient
            guard position < limits[axis] else {
              throw OperatorError(.invalid, node: label, "the index \(index) lies outside the output")
            }
            place += position * strides[axis]
          }
        }
        (target + place * width).copyMemory(from: source + element * width, byteCount: width)
      }
    }
  }

  private func withoutShape(_ node: Node) -> Node {
    var natural = node
    natural.inputs = Array(node.inputs.prefix(2))
    return natural
  }
}
