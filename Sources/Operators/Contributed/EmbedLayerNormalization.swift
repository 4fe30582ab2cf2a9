import GraphIR
import Tensors

/// `com.microsoft` `EmbedLayerNormalization` and `QEmbedLayerNormalization`: word, position and segment embeddings
/// added up and normalized; also the length of each sequence, and the sum.
///
/// Inputs: word ids, segment ids (optional), word, position and segment tables, gamma, beta, then a mask and position
/// ids, or in the quantized form a mask and the scales and zero points of the five tables.
struct EmbedLayerNormalization: CompositeOperator {
  static let signatures = ["EmbedLayerNormalization", "QEmbedLayerNormalization"].map {
    Signature($0, domain: Contributed.domain)
  }

  private let isQuantized: Bool
  private let epsilon: Float

  init(_ node: NodeReader) throws(OperatorError) {
    isQuantized = node.node.operatorName == "QEmbedLayerNormalization"
    try node.expectInputs(7...(isQuantized ? 18 : 9))
    epsilon = try node.float("epsilon", default: 1e-12)
    guard try node.int("mask_index_type", default: 1) <= 1 else {
      throw node.unsupported("this attribute “mask_index_type” is not implemented")
    }
  }

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    func table(_ index: Int, _ expansion: inout Expansion) throws(OperatorError) -> ValueID {
      let raw = try expansion.input(index)
      guard isQuantized else { return raw }
      return expansion.apply(
        "DequantizeLinear", [raw, try expansion.input(index + 6), expansion.optional(index + 11)], ["axis": .int(0)])
    }
    let ids = try expansion.input(0)
    var sum = expansion.apply("Gather", [try table(2, &expansion), ids])
    let positions = try table(3, &expansion)
    if !isQuantized, let given = expansion.optional(8) {
      sum = expansion.add(sum, expansion.apply("Gather", [positions, given]))
    } else {
      let length = expansion.apply("Shape", [ids], ["start": .int(1), "end": .int(2)])
      let zero = expansion.constant(ints: [0])
      sum = expansion.add(sum, expansion.apply("Slice", [positions, zero, length, zero]))
    }
    if let segments = expansion.optional(1), expansion.has(4) {
      sum = expansion.add(sum, expansion.apply("Gather", [try table(4, &expansion), segments]))
    }
    let normalized = expansion.apply(
      "LayerNormalization", [sum, try table(5, &expansion), try table(6, &expansion)],
      ["axis": .int(-1), "epsilon": .float(epsilon)])
    var lengths: ValueID?
    if expansion.wants(1) {
      let mask: ValueID
      if let given = expansion.optional(7) {
        mask = expansion.cast(given, to: .int32)
      } else {
        // Without a mask the lengths are 0, as ONNX Runtime writes them.
        mask = expansion.apply("Mul", [expansion.cast(ids, to: .int32), expansion.constant(Tensor(scalar: Int32(0)))])
      }
      lengths = expansion.apply("ReduceSum", [mask, expansion.constant(ints: [1])], ["keepdims": .int(0)])
    }
    return [normalized, lengths, sum]
  }
}
