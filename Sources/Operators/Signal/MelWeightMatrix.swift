import GraphIR
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// ONNX `MelWeightMatrix`: triangles that turn a spectrum `[frames, dft_length / 2 + 1]` into mel bands.
public struct MelWeightMatrix: Operator {
  public static let signatures = [Signature("MelWeightMatrix", versions: 17...Signature.newestOpset)]

  private let dataType: DataType

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(5...5)
    dataType = try node.dataType("output_datatype", in: DataType.numbers) ?? .float32
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    for index in 0..<3 { _ = try context.elementType(index, in: [.int32, .int64]) }
    for index in 3..<5 {
      _ = try context.elementType(index, in: DataType.floats)
      if let shape = try context.shape(index), shape.checkedCount != 1 {
        throw context.invalid("input \(index) has shape \(shape); it must be one number")
      }
    }
    let bands = try context.integer(0), length = try context.integer(1)
    if let rate = try context.integer(2), rate < 1 { throw context.invalid("the sample rate \(rate) is not positive") }
    if let bands, bands < 0 { throw context.invalid("the number of bands is \(bands)") }
    if let length, length < 0 { throw context.invalid("the length of the transform is \(length)") }
    return [
      try context.outputType(
        dataType, [length.map { .fixed($0 / 2 + 1) } ?? .unknown, bands.map { .fixed($0) } ?? .unknown])
    ]
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let output = try context.output(0)
    let (rows, bands) = (output.shape[0], output.shape[1])
    let (lengthType, rateType) = (try context.input(1).dataType, try context.input(2).dataType)
    let (lowType, highType) = (try context.input(3).dataType, try context.input(4).dataType)
    let (type, failure) = (dataType, context.invalid("the sample rate and the edges in hertz make no bands"))
    return Kernel(unreadInputs: [0]) { operands throws(OperatorError) in
      let length = Double(ElementAccess.integer(operands.rawInput(1), 0, lengthType))
      let rate = Double(ElementAccess.integer(operands.rawInput(2), 0, rateType))
      let low = Self.mel(ElementAccess.double(operands.rawInput(3), 0, lowType))
      let high = Self.mel(ElementAccess.double(operands.rawInput(4), 0, highType))
      guard rate >= 1, low.isFinite, high.isFinite else { throw failure }
      let step = (high - low) / Double(bands + 2)
      /// The row of the spectrum that edge `k` of the bands falls on, kept near the matrix.
      func row(_ k: Int) -> Int {
        let hertz = 700 * (pow(10, (low + Double(k) * step) / 2595) - 1)
        return Int(min(max(((length + 1) * hertz / rate).rounded(.down), -1), Double(rows) + 1))
      }
      let target = operands.rawOutput(0)
      for band in 0..<bands {
        let (left, center, right) = (row(band), row(band + 1), row(band + 2))
        for k in 0..<rows {
          var weight = 0.0
          if k >= left, k <= center { weight = left == center ? 1 : Double(k - left) / Double(center - left) }
          if k >= center, k < right { weight = Double(right - k) / Double(right - center) }
          ElementAccess.store(weight, target, k * bands + band, type)
        }
      }
    }
  }

  private static func mel(_ hertz: Double) -> Double { 2595 * log10(1 + hertz / 700) }
}
