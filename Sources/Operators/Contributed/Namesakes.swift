import GraphIR
import Tensors

/// Operators of `com.microsoft` that ONNX has taken over as they are.
struct Namesake: CompositeOperator {
  private static let names = ["Trilu", "Pad", "GridSample", "GatherND", "Range", "Unique"]
  static let signatures = names.map { Signature($0, domain: Contributed.domain) }

  init(_ node: NodeReader) throws(OperatorError) {}

  func expand(_ expansion: inout Expansion) throws(OperatorError) -> [ValueID?] {
    let node = expansion.node
    var attributes = node.attributes
    if node.operatorName == "Unique" {
      // Values in the order in which they first occur, where each element's value stands, and how often values occur.
      let results = expansion.apply("Unique", node.inputs, ["sorted": .int(0)], outputs: 4)
      return [results[0], results[2], results[3]]
    }
    if node.operatorName == "GridSample", case .string(let mode)? = attributes["mode"] {
      let names = ["bilinear": "linear", "bicubic": "cubic"]
      let name = String(decoding: mode, as: UTF8.self)
      attributes["mode"] = .string(Array((names[name] ?? name).utf8))
    }
    return expansion.apply(node.operatorName, node.inputs, attributes, outputs: node.outputs.count)
  }
}
