import GraphIR
import Tensors

/// ONNX `Unique`: the different elements of a tensor (or slices along an axis), where each is first, which of them
/// every element is, and how often each occurs.
public struct Unique: HostOperator {
  public static let signatures = [Signature("Unique", versions: 11...Signature.newestOpset)]

  private let axis: Int?
  private let isSorted: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    axis = try node.int("axis")
    isSorted = try node.bool("sorted", default: true)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let input = try context.tensor(0)
    var dims: [Dimension]? = [.unknown]
    if let axis {
      dims = input.dims
      if let rank = dims?.count { dims?[try context.axis(axis, rank: rank)] = .unknown }
    }
    let number = ValueType.tensor(TensorType(.int64, [.unknown]))
    return [.tensor(TensorType(input.dataType, dims)), number, number, number]
      .prefix(max(context.node.outputs.count, 1)).map { $0 }
  }

  public func evaluate(_ context: EvaluationContext) throws(OperatorError) -> [RuntimeValue] {
    let input = try context.tensor(0)
    let axis = try axis.map { given throws(OperatorError) in try context.axis(given, rank: input.shape.rank) }
    let outer = axis.map { input.shape.count(0..<$0) } ?? 1
    let count = axis.map { input.shape[$0] } ?? input.count
    let inner = axis.map { input.shape.count(($0 + 1)..<input.shape.rank) } ?? 1
    // Slices by number, the keys of each in one row.
    try context.reserve(byteCount: input.count.multipliedReportingOverflow(by: 32).partialValue)
    let keys = try keys(of: input, context)
    let slices = outer * inner
    func key(_ slice: Int, _ k: Int) -> UInt64 { keys[(k / max(inner, 1) * count + slice) * inner + k % max(inner, 1)] }
    func order(_ a: Int, _ b: Int) -> Int {
      for k in 0..<slices where key(a, k) != key(b, k) { return key(a, k) < key(b, k) ? -1 : 1 }
      return 0
    }
    let sorted = (0..<count).sorted {
      let order = order($0, $1)
      return order == 0 ? $0 < $1 : order < 0
    }
    // Groups of equal slices, each in the order of the input.
    var groups: [Range<Int>] = []
    for position in sorted.indices {
      if position > 0, order(sorted[position - 1], sorted[position]) == 0 {
        groups[groups.count - 1] = groups[groups.count - 1].lowerBound..<(position + 1)
      } else {
        groups.append(position..<(position + 1))
      }
    }
    if !isSorted { groups.sort { sorted[$0.lowerBound] < sorted[$1.lowerBound] } }
    let first = groups.map { sorted[$0.lowerBound] }
    var inverse = [Int](repeating: 0, count: count)
    for (index, group) in groups.enumerated() { for position in group { inverse[sorted[position]] = index } }

    var shape: Shape = [groups.count]
    if let axis {
      shape = input.shape
      shape.dims[axis] = groups.count
    }
    let chosen = (0..<outer).flatMap { o in first.map { (o * count + $0) * inner } }
    var results = [RuntimeValue.tensor(try gather(chosen, inner, of: input, shape, context))]
    for numbers in [first, inverse, groups.map(\.count)] {
      var tensor = try context.makeTensor(.int64, [numbers.count], isZeroed: false)
      tensor.withUnsafeMutableBytes { target in numbers.map(Int64.init).withUnsafeBytes { target.copyMemory(from: $0) } }
      results.append(.tensor(tensor))
    }
    return Array(results.prefix(max(context.node.outputs.count, 1)))
  }

  /// Numbers in the order of the elements, equal where elements are. NaN is beyond every number, each one for itself.
  private func keys(of input: Tensor, _ context: EvaluationContext) throws(OperatorError) -> [UInt64] {
    let (type, count) = (input.dataType, input.count)
    if type == .string {
      let order = Array(Set(input.strings)).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
      let ranks = Dictionary(uniqueKeysWithValues: order.enumerated().map { ($0.element, UInt64($0.offset)) })
      return input.strings.map { ranks[$0]! }
    }
    guard ElementAccess.supports(type) else { throw context.unsupported("elements of type \(type) have no order") }
    return input.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return [] }
      return (0..<count).map { index in
        if type.isFloatingPoint, ElementAccess.double(base, index, type).isNaN { return .max - UInt64(count - 1 - index) }
        return SortKey.of(base, index, type, descending: false)
      }
    }
  }

  /// Runs of `length` elements, one behind the other.
  private func gather(
    _ starts: [Int], _ length: Int, of input: Tensor, _ shape: Shape, _ context: EvaluationContext
  ) throws(OperatorError) -> Tensor {
    if input.dataType == .string {
      return try context.makeTensor(strings: starts.flatMap { input.strings[$0..<($0 + length)] }, shape)
    }
    let width = try context.movableByteCount(input.dataType)
    let output = try context.makeTensor(input.dataType, shape, isZeroed: false)
    input.withUnsafeBytes { bytes in
      guard output.count > 0, let base = bytes.baseAddress else { return }
      for (position, start) in starts.enumerated() {
        (output.buffer.base + position * length * width)
          .copyMemory(from: base + start * width, byteCount: length * width)
      }
    }
    return output
  }
}
