import GraphIR
import Tensors

/// `com.microsoft` `FusedMatMul` and `TransposeMatMul`: alpha · A' B', where either side may be transposed.
struct FusedMatMul: CompositeOperator {
  static let signatures = [
    Signature("FusedMatMul", domain: Contributed.domain), Signature("TransposeMatMul", domain: Contributed.domain),
  ]

  private let transposes: [Bool]
  private let transposesBatch: [Bool]
  private let alpha: Float

  init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(2...2)
    transposes = [try node.bool("transA", default: false), try node.bool("transB", default: false)]
    transposesBatch = [try node.bool("transBatchA", default: false), try node.bool("transBatchB", default: false)]
    alpha = try node.float("alpha", default: 1)
  }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    var sides: [ValueID] = []
    for index in 0..<2 {
      var side = try expansion.input(index)
      if transposes[index] || transposesBatch[index] {
        var axes = Array(0..<(try expansion.rank(index)))
        // A vector has nothing to transpose.
        if axes.count > 1 {
          if transposesBatch[index] { axes.insert(axes.remove(at: 0), at: axes.count - 1) }
          if transposes[index] { axes.swapAt(axes.count - 2, axes.count - 1) }
          side = expansion.transpose(side, axes)
        }
      }
      sides.append(side)
    }
    let product = expansion.apply("MatMul", sides.map { $0 })
    guard alpha != 1 else { return [product] }
    return [expansion.multiply(product, try expansion.constant(alpha, like: 0))]
  }
}

extension Expansion {
  /// A scalar of the element type of an input; float32 where that is not known.
  mutating func constant(_ value: Float, like index: Int) throws(OperatorError) -> ValueID {
    let scalar = constant(value)
    guard let type = dataType(index) else { return apply("CastLike", [scalar, try input(index)]) }
    return type == .float32 ? scalar : cast(scalar, to: type)
  }
}
