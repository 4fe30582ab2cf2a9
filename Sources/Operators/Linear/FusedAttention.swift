import CKernels
import GraphIR
import Tensors

/// Attention of several heads: `softmax(scale · Q · Kᵀ + mask) · V`, read from and written to wherever heads lie.
///
/// Made by the compiler; it has no form in ONNX. Inputs are Q, K, V and, if there is one, the mask.
public struct FusedAttention: Operator {
  public static let domain = "viseme"
  public static let name = "FusedAttention"
  public static let signatures = [Signature(name, domain: domain)]

  /// Where rows lie in an input: elements from its begin, and between images, heads and rows.
  public struct Rows: Hashable, Sendable {
    public var offset: Int
    public var batch: Int
    public var head: Int
    public var row: Int

    public init(offset: Int = 0, batch: Int, head: Int, row: Int) {
      (self.offset, self.batch, self.head, self.row) = (offset, batch, head, row)
    }

    fileprivate var operand: vz_attention_operand { vz_attention_operand(batch: batch, head: head, row: row) }
  }

  /// Images, heads, queries, keys, elements of a query, elements of a value.
  public struct Sizes: Hashable, Sendable {
    public var batch: Int
    public var heads: Int
    public var queries: Int
    public var keys: Int
    public var width: Int
    public var valueWidth: Int

    public init(batch: Int, heads: Int, queries: Int, keys: Int, width: Int, valueWidth: Int) {
      (self.batch, self.heads, self.queries) = (batch, heads, queries)
      (self.keys, self.width, self.valueWidth) = (keys, width, valueWidth)
    }
  }

  let sizes: Sizes
  let scale: Float
  let query: Rows
  let key: Rows
  let value: Rows
  let mask: Rows?
  let output: Rows
  let outputShape: Shape

  /// - Parameter output: where rows of the output lie in a dense tensor of `outputShape`.
  public init(
    sizes: Sizes, scale: Float, query: Rows, key: Rows, value: Rows, mask: Rows?, output: Rows, outputShape: Shape
  ) {
    (self.sizes, self.scale) = (sizes, scale)
    (self.query, self.key, self.value, self.mask) = (query, key, value, mask)
    (self.output, self.outputShape) = (output, outputShape)
  }

  public init(_ node: NodeReader) throws(OperatorError) {
    throw node.invalid("it is made by the compiler and cannot be read from a model")
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    [.tensor(TensorType(try context.tensor(0).dataType, outputShape))]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    for index in context.inputs.indices { try context.expectFloat32(index) }
    let rows = [query, key, value] + (mask.map { [$0] } ?? [])
    let heights = [sizes.queries, sizes.keys, sizes.keys, sizes.queries]
    let widths = [sizes.width, sizes.width, sizes.valueWidth, sizes.keys]
    for (index, place) in rows.enumerated() {
      let last = place.offset + (sizes.batch - 1) * place.batch + (sizes.heads - 1) * place.head
        + (heights[index] - 1) * place.row + widths[index]
      guard last <= (try context.input(index).count) else {
        throw context.invalid("input \(index) is too small: \(try context.input(index).shape)")
      }
    }
    var shape = vz_attention()
    (shape.batch, shape.heads, shape.queries) = (sizes.batch, sizes.heads, sizes.queries)
    (shape.keys, shape.width, shape.value_width) = (sizes.keys, sizes.width, sizes.valueWidth)
    (shape.q, shape.k, shape.v, shape.y) = (query.operand, key.operand, value.operand, output.operand)
    shape.mask = mask?.operand ?? vz_attention_operand()
    shape.scale = scale
    let scratch = vz_attention_scratch_bytes(context.target.kernels, &shape, UInt32(context.target.threads))
    let (captured, query, key, value, mask) = (Captured(shape), query, key, value, mask)
    return Kernel(scratchByteCount: scratch) { operands in
      withUnsafePointer(to: captured.value) { shape in
        vz_attention_f32(
          operands.exec, shape, operands.input(0) + query.offset, operands.input(1) + key.offset,
          operands.input(2) + value.offset, mask.map { operands.input(3) + $0.offset }, operands.output(0))
      }
    }
  }
}
