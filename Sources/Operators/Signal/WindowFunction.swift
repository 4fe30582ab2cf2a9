import GraphIR
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// ONNX `HannWindow`, `HammingWindow` and `BlackmanWindow`.
///
/// Sums of cosines of `2πk / N`, where N is the size (periodic) or one less (symmetric). A symmetric window of one
/// element is 1.
public struct WindowFunction: Operator {
  private struct Entry {
    var name: String
    /// Weights of cos(0), cos(2πk / N) and cos(4πk / N).
    var weights: [Double]
  }

  private static let table: [Entry] = [
    Entry(name: "HannWindow", weights: [0.5, -0.5, 0]),
    Entry(name: "HammingWindow", weights: [25.0 / 46, -21.0 / 46, 0]),
    Entry(name: "BlackmanWindow", weights: [0.42, -0.5, 0.08]),
  ]

  public static let signatures = table.map { Signature($0.name, versions: 17...Signature.newestOpset) }

  private let weights: [Double]
  private let isPeriodic: Bool
  private let dataType: DataType

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    guard let entry = Self.table.first(where: { $0.name == node.node.operatorName }) else {
      throw node.unsupported("the operator is not implemented")
    }
    weights = entry.weights
    isPeriodic = try node.bool("periodic", default: true)
    dataType = try node.dataType("output_datatype", in: DataType.numbers) ?? .float32
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    _ = try context.elementType(0, in: [.int32, .int64])
    guard let size = try context.integer(0) else { return [.tensor(TensorType(dataType, [.unknown]))] }
    guard size >= 0 else { throw context.invalid("the size is \(size)") }
    return [try context.outputType(dataType, [.fixed(size)])]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let count = try context.output(0).count
    let (weights, type) = (weights, dataType)
    let period = Double(isPeriodic ? count : count - 1)
    return Kernel(unreadInputs: [0]) { operands in
      let target = operands.rawOutput(0)
      for k in 0..<count {
        let phase = 2 * Double.pi * Double(k) / period
        let value = period == 0 ? 1 : weights[0] + weights[1] * cos(phase) + weights[2] * cos(2 * phase)
        ElementAccess.store(value, target, k, type)
      }
    }
  }
}
