#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif
import GraphIR
import Tensors

/// ONNX `LRN`: every element divided by a power of the mean square of its neighbours along channels.
public struct LocalResponseNormalization: Operator {
  public static let signatures = [Signature("LRN")]

  let alpha: Float
  let beta: Float
  let bias: Float
  let size: Int

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    alpha = try node.float("alpha", default: 1e-4)
    beta = try node.float("beta", default: 0.75)
    bias = try node.float("bias", default: 1)
    guard let size = try node.int("size"), 1...SlidingWindow.largestExtent ~= size else {
      throw node.invalid("attribute “size” must be at least 1")
    }
    self.size = size
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.elementType(0, in: DataType.floats)
    return [try context.outputType(type, context.dims(0, rank: 2...8))]
  }

  public func layout(_ context: LayoutContext) -> LayoutPolicy { .any }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Widening.kernel(self, context, of: Widening.floats) { return kernel }
    try context.expectFloat32(0)
    let x = try context.input(0), y = try context.output(0)
    let channels = x.shape[1]
    let before = (size - 1) / 2, after = size - 1 - before
    let offsets = PixelOffsets(x, y)
    let (from, to) = (x.strides[1], y.strides[1])
    let (alpha, beta, bias, size) = (Double(alpha), Double(beta), Double(bias), Double(size))
    return Kernel { operands in
      let source = operands.input(0, as: Float.self), target = operands.output(0, as: Float.self)
      offsets.forEach { fromPixel, toPixel in
        let pixel = source + fromPixel
        for c in 0..<channels {
          var sum = 0.0
          for neighbour in max(c - before, 0)...min(c + after, channels - 1) {
            let value = Double(pixel[neighbour * from])
            sum += value * value
          }
          target[toPixel + c * to] = Float(Double(pixel[c * from]) / pow(bias + alpha / size * sum, beta))
        }
      }
    }
  }
}

/// Where the pixels of two operands of one shape begin, in any layout.
struct PixelOffsets: Sendable {
  private let extents: [Int]
  private let from: [Int]
  private let to: [Int]

  init(_ x: Operand, _ y: Operand) {
    let axes = x.shape.dims.indices.filter { $0 != 1 }
    extents = axes.map { x.shape[$0] }
    (from, to) = (axes.map { x.strides[$0] }, axes.map { y.strides[$0] })
  }

  @inline(__always)
  func forEach(_ body: (Int, Int) -> Void) { visit(0, 0, 0, body) }

  private func visit(_ axis: Int, _ x: Int, _ y: Int, _ body: (Int, Int) -> Void) {
    guard axis < extents.count else { return body(x, y) }
    for index in 0..<extents[axis] { visit(axis + 1, x + index * from[axis], y + index * to[axis], body) }
  }
}
