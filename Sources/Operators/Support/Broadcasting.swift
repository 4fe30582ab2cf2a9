import GraphIR
import Tensors

/// NumPy's broadcasting, on shapes that may be known only in part.
enum Broadcasting {
  /// The extents that operands broadcast to: nil when a rank is unknown.
  static func dims(_ operands: [[Dimension]?], _ context: InferenceContext) throws(OperatorError) -> [Dimension]? {
    var result: [Dimension] = []
    var isKnown = true
    for dims in operands {
      guard let dims else {
        isKnown = false
        continue
      }
      result = try merge(result, dims, context)
    }
    return isKnown ? result : nil
  }

  private static func merge(
    _ a: [Dimension], _ b: [Dimension], _ context: InferenceContext
  ) throws(OperatorError) -> [Dimension] {
    var (longer, shorter) = a.count >= b.count ? (a, b) : (b, a)
    let lead = longer.count - shorter.count
    for axis in shorter.indices {
      guard let merged = merge(longer[lead + axis], shorter[axis]) else {
        throw context.invalid("shapes \(text(a)) and \(text(b)) do not broadcast")
      }
      longer[lead + axis] = merged
    }
    shorter = []
    return longer
  }

  /// The extent two extents broadcast to, or nil when they do not fit.
  static func merge(_ a: Dimension, _ b: Dimension) -> Dimension? {
    switch (a, b) {
    case (.fixed(let x), .fixed(let y)): x == y || y == 1 ? a : x == 1 ? b : nil
    case (.fixed(1), _): b
    case (_, .fixed(1)): a
    case (.fixed, _): a
    case (_, .fixed): b
    case (.symbol, .symbol): a == b ? a : .unknown
    case (.unknown, _), (_, .unknown): .unknown
    }
  }

  static func text(_ dims: [Dimension]) -> String { "[" + dims.map(\.description).joined(separator: ",") + "]" }

  /// An operand's strides along the axes of `shape`, 0 where it repeats.
  ///
  /// - Parameter axis: the axis of `shape` that the operand's first axis stands for; by default its last axes match.
  static func strides(of operand: Operand, over shape: Shape, axis: Int? = nil) -> [Int] {
    let own = operand.strides
    let lead = axis ?? shape.rank - operand.shape.rank
    return shape.dims.indices.map { outer in
      let inner = outer - lead
      return own.indices.contains(inner) && operand.shape[inner] != 1 ? own[inner] : 0
    }
  }
}
