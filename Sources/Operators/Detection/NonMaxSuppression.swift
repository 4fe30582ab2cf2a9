import GraphIR
import Tensors

/// ONNX `NonMaxSuppression`: the boxes of every image and class, best score first, that overlap none chosen before by
/// more than a threshold; one row of image, class and box each.
public struct NonMaxSuppression: HostOperator {
  public static let signatures = [Signature("NonMaxSuppression", versions: 10...Signature.newestOpset)]

  /// Whether boxes are center, width and height rather than two corners.
  private let hasCenters: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(2...5)
    hasCenters = try node.bool("center_point_box", default: false)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    for index in [0, 1, 3, 4] where context.has(index) { _ = try context.elementType(index, in: [.float32]) }
    if context.has(2) { _ = try context.elementType(2, in: [.int64]) }
    let boxes = try context.dims(0, rank: 3...3), scores = try context.dims(1, rank: 3...3)
    if let count = boxes?[2].value, count != 4 { throw context.invalid("a box has \(count) numbers instead of 4") }
    for (a, b) in [(0, 0), (1, 2)] {
      guard let x = boxes?[a].value, let y = scores?[b].value, x != y else { continue }
      throw context.invalid(
        "boxes of shape \(TensorType(nil, boxes).extents) do not fit scores of \(TensorType(nil, scores).extents)")
    }
    return [.tensor(TensorType(.int64, [.unknown, 3]))]
  }

  public func evaluate(_ context: EvaluationContext) throws(OperatorError) -> [RuntimeValue] {
    let boxes = try context.tensor(0), scores = try context.tensor(1)
    let (classes, count) = (scores.shape[1], scores.shape[2])
    let limit = context.has(2) ? try context.integers(2).first ?? 0 : 0
    let overlap = try number(3, context) ?? 0
    let threshold = try number(4, context) ?? 0
    let hasThreshold = context.has(4)
    try context.reserve(byteCount: count.multipliedReportingOverflow(by: 32).partialValue)
    let box = boxes.elements(as: Float.self), score = scores.elements(as: Float.self)
    var chosen: [Int64] = []
    for image in 0..<scores.shape[0] {
      let corners = (0..<count).map { Corners(box[((image * count + $0) * 4)...].prefix(4), hasCenters: hasCenters) }
      for group in 0..<classes {
        try context.checkStop()
        let first = (image * classes + group) * count
        let own = score[first..<(first + count)]
        var candidates = own.indices.filter { !own[$0].isNaN && (own[$0] > threshold || !hasThreshold) }
        candidates.sort { (a: Int, b: Int) in own[a] == own[b] ? a < b : own[a] > own[b] }
        var kept: [Int] = []
        for candidate in candidates.lazy.map({ $0 - first }) where kept.count < limit {
          guard !kept.contains(where: { corners[candidate].overlap(corners[$0]) > overlap }) else { continue }
          kept.append(candidate)
          chosen += [Int64(image), Int64(group), Int64(candidate)]
        }
      }
    }
    var output = try context.makeTensor(.int64, [chosen.count / 3, 3], isZeroed: false)
    output.withUnsafeMutableBytes { target in chosen.withUnsafeBytes { target.copyMemory(from: $0) } }
    return [.tensor(output)]
  }

  private func number(_ index: Int, _ context: EvaluationContext) throws(OperatorError) -> Float? {
    guard context.has(index) else { return nil }
    let tensor = try context.tensor(index)
    return tensor.count == 0 ? nil : tensor.elements(as: Float.self)[0]
  }
}

/// A box by its edges.
private struct Corners {
  let left: Float
  let top: Float
  let right: Float
  let bottom: Float

  init(_ numbers: ArraySlice<Float>, hasCenters: Bool) {
    let n = Array(numbers)
    if hasCenters {
      (left, right) = (n[0] - n[2] / 2, n[0] + n[2] / 2)
      (top, bottom) = (n[1] - n[3] / 2, n[1] + n[3] / 2)
    } else {
      (top, bottom) = (min(n[0], n[2]), max(n[0], n[2]))
      (left, right) = (min(n[1], n[3]), max(n[1], n[3]))
    }
  }

  private var area: Float { (right - left) * (bottom - top) }

  /// The area in both boxes over the area in either.
  func overlap(_ other: Corners) -> Float {
    let width = min(right, other.right) - max(left, other.left)
    let height = min(bottom, other.bottom) - max(top, other.top)
    guard width > 0, height > 0, area > 0, other.area > 0 else { return 0 }
    return width * height / (area + other.area - width * height)
  }
}
