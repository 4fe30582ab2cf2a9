import GraphIR
import Tensors

extension Graph {
  /// Elements from which on storing halves is worth a node.
  private static let halfThreshold = 256

  /// Stores large float32 constants as float16 with a Cast to float32 behind each; returns what was done.
  ///
  /// Constants whose elements do not fit float16's range stay as they are.
  mutating func storeHalves(opset: Int) throws(ConversionError) -> String {
    guard opset >= 6 else {
      throw ConversionError("--fp16 needs opset 6 or newer, where Cast has its present form; add --opset 17")
    }
    var casts: [Node] = []
    var byteCount = 0, tooLarge = 0
    for (id, tensor) in constants.sorted(by: { $0.key < $1.key })
    where tensor.dataType == .float32 && tensor.count >= Self.halfThreshold && !inputs.contains(id) {
      let values = tensor.elements(as: Float.self)
      guard values.allSatisfy({ !$0.isFinite || $0.magnitude <= 65504 }) else {
        tooLarge += 1
        continue
      }
      var halves = Tensor(.float16, tensor.shape)
      halves.withUnsafeMutableBytes { bytes in
        for (index, value) in values.enumerated() {
          bytes.storeBytes(of: NarrowFloat.float16.encode(Double(value)), toByteOffset: index * 2, as: UInt16.self)
        }
      }
      constants[id] = nil
      let source = addConstant("\(self[id].name)_half", halves)
      casts.append(
        Node(
          name: "\(self[id].name)_cast", operatorName: "Cast", version: opset, inputs: [source], outputs: [id],
          attributes: ["to": .int(Int(DataType.float32.rawValue))]))
      byteCount += values.count * 2
    }
    nodes = casts + nodes
    let rest = tooLarge > 0 ? "; \(tooLarge) hold numbers beyond float16's range and stay" : ""
    return "float16: \(casts.count) constants in \(byteCount) bytes\(rest)"
  }
}
