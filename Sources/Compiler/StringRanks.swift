import GraphIR
import Tensors

/// Lets operators that only move or compare elements work on strings: each string is replaced by its rank among all
/// strings of the node's inputs, and the results' ranks by strings again.
///
/// The empty string has rank 0, so that what an operator fills in (padding) is empty.
struct StringRanks {
  /// The node's inputs with ranks for strings.
  let ranked: [RuntimeValue?]
  private let table: [String]
  private let isString: [Bool]

  /// Operators that treat elements as things to move, and to compare for order at most.
  private static let movers: Set<String> = [
    "CenterCropPad", "Compress", "Concat", "DepthToSpace", "Equal", "Expand", "Flatten", "Gather", "GatherElements",
    "GatherND", "OneHot", "Pad", "Reshape", "ReverseSequence", "Scatter", "ScatterElements", "ScatterND", "Slice",
    "SpaceToDepth", "Split", "Squeeze", "TensorScatter", "Tile", "Transpose", "Trilu", "Unique", "Unsqueeze", "Where",
  ]
  /// Operators whose result is no strings although their input is.
  private static let comparing: Set<String> = ["Equal"]

  /// Nil when the node is none of these operators, or has no strings.
  init?(_ node: Node, _ inputs: [RuntimeValue?]) {
    guard node.domain.isEmpty || node.domain == "ai.onnx", Self.movers.contains(node.operatorName) else { return nil }
    var all: Set<String> = [""]
    var hasStrings = false
    for case .tensor(let tensor)? in inputs where tensor.dataType == .string {
      all.formUnion(tensor.strings)
      hasStrings = true
    }
    guard hasStrings else { return nil }
    let table = all.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    let ranks = Dictionary(uniqueKeysWithValues: zip(table, table.indices))
    ranked = inputs.map { input in
      guard case .tensor(let tensor)? = input, tensor.dataType == .string else { return input }
      return .tensor(Tensor(tensor.strings.map { Int64(ranks[$0]!) }, shape: tensor.shape))
    }
    self.table = table
    // Of several outputs only those of `Split` all hold elements; `Unique` follows its first with positions.
    isString = node.outputs.indices.map { index in
      !Self.comparing.contains(node.operatorName) && (index == 0 || node.operatorName == "Split")
    }
  }

  /// - Throws: when the operator computed with the ranks (`ScatterND` that adds), which strings do not allow.
  func restored(_ results: [RuntimeValue], of node: Node) throws(OperatorError) -> [RuntimeValue] {
    var restored: [RuntimeValue] = []
    for (index, result) in results.enumerated() {
      guard index < isString.count, isString[index], let tensor = result.tensor, tensor.dataType == .int64 else {
        restored.append(result)
        continue
      }
      let ranks = tensor.elements(as: Int64.self).map(Int.init)
      guard ranks.allSatisfy(table.indices.contains) else {
        throw OperatorError(.invalid, node: node.label, "cannot compute with strings")
      }
      restored.append(.tensor(Tensor(strings: ranks.map { table[$0] }, shape: tensor.shape)))
    }
    return restored
  }
}
