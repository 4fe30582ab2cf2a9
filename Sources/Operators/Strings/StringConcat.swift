import GraphIR
import Tensors

/// ONNX `StringConcat`: the strings of two inputs behind each other, element by element, with broadcasting.
public struct StringConcat: HostOperator {
  public static let signatures = [Signature("StringConcat", versions: 20...Signature.newestOpset)]

  public init(_ node: NodeReader) throws(OperatorError) { try node.expectInputs(2...2) }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    for index in 0..<2 { _ = try context.elementType(index, in: [.string]) }
    guard let a = try context.shape(0), let b = try context.shape(1) else {
      return [.tensor(TensorType(.string, nil as [Dimension]?))]
    }
    guard let shape = a.broadcast(with: b) else { throw context.invalid("the shapes \(a) and \(b) do not broadcast") }
    return [.tensor(TensorType(.string, shape))]
  }

  public func evaluate(_ context: EvaluationContext) throws(OperatorError) -> [RuntimeValue] {
    let (a, b) = (try context.tensor(0), try context.tensor(1))
    guard let shape = a.shape.broadcast(with: b.shape), let count = shape.checkedCount else {
      throw context.invalid("the shapes \(a.shape) and \(b.shape) do not broadcast")
    }
    let (first, second) = (try context.strings(0), try context.strings(1))
    let longest = (first.map(\.utf8.count).max() ?? 0) + (second.map(\.utf8.count).max() ?? 0) + 16
    // Broadcasting must not make more than memory holds before it is counted.
    let (bound, overflow) = count.multipliedReportingOverflow(by: longest)
    try context.reserve(byteCount: overflow ? .max : bound)
    let (from, to) = (positions(of: a.shape, in: shape), positions(of: b.shape, in: shape))
    return [.tensor(try context.makeTensor(strings: (0..<count).map { first[from($0)] + second[to($0)] }, shape))]
  }

  /// Where the element of a broadcast shape is in `own`.
  private func positions(of own: Shape, in shape: Shape) -> (Int) -> Int {
    let strides = shape.rowMajorStrides, ownStrides = own.rowMajorStrides
    let offset = shape.rank - own.rank
    return { position in
      own.dims.indices.reduce(0) { sum, axis in
        own[axis] == 1 ? sum : sum + position / strides[axis + offset] % shape[axis + offset] * ownStrides[axis]
      }
    }
  }
}
