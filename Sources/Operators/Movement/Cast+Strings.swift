import GraphIR
import Tensors

/// Casts between strings and numbers.
extension Cast: HostOperator {
  public func hasKernel(_ context: InferenceContext) -> Bool {
    let input = context.inputs.first.flatMap { $0?.type.tensor?.dataType }
    let like = context.inputs.dropFirst().first.flatMap { $0?.type.tensor?.dataType }
    return input != .string && (dataType ?? like) != .string
  }

  public func evaluate(_ context: EvaluationContext) throws(OperatorError) -> [RuntimeValue] {
    let input = try context.tensor(0)
    var type = input.dataType
    if let dataType { type = dataType } else { type = try context.tensor(1).dataType }
    if input.dataType == type { return [.tensor(input)] }
    if type == .string { return [.tensor(try context.makeTensor(strings: try texts(input, context), input.shape))] }
    return [.tensor(try numbers(try context.strings(0), type, input.shape, context))]
  }

  private func texts(_ input: Tensor, _ context: EvaluationContext) throws(OperatorError) -> [String] {
    guard ElementAccess.supports(input.dataType) else { throw context.unsupported("\(input.dataType) has no text") }
    let type = input.dataType
    return input.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return [] }
      return (0..<input.count).map { index in
        switch type {
        case .float64: ElementAccess.double(base, index, type).description
        case .bool: ElementAccess.integer(base, index, type) == 0 ? "False" : "True"
        case .uint64: String(UInt64(bitPattern: ElementAccess.integer(base, index, type)))
        case _ where type.isFloatingPoint: Float(ElementAccess.double(base, index, type)).description
        default: String(ElementAccess.integer(base, index, type))
        }
      }
    }
  }

  private func numbers(
    _ texts: [String], _ type: DataType, _ shape: Shape, _ context: EvaluationContext
  ) throws(OperatorError) -> Tensor {
    guard ElementAccess.supports(type) else { throw context.unsupported("strings cannot become \(type)") }
    let result = try context.makeTensor(type, shape)
    for (index, text) in texts.enumerated() {
      if type.isInteger, let value = NumberText.integer(text, unsigned: type == .uint64) {
        ElementAccess.store(value, result.buffer.base, index, type)
      } else if let value = NumberText.number(text) {
        ElementAccess.store(value, result.buffer.base, index, type)
      } else {
        throw context.invalid("“\(text.prefix(40))” is not a number")
      }
    }
    return result
  }
}

/// How ONNX reads numbers in strings.
private enum NumberText {
  static func integer(_ text: String, unsigned: Bool) -> Int64? {
    let text = trimmed(text)
    return unsigned ? UInt64(text).map(Int64.init(bitPattern:)) : Int64(text)
  }

  /// `inf`, `INF`, `+INF`, `-INF` and `NaN` in any case are numbers too.
  static func number(_ text: String) -> Double? {
    let text = trimmed(text)
    // Swift reads hexadecimal numbers as well, which ONNX does not know.
    guard !text.utf8.contains(where: { $0 == UInt8(ascii: "x") || $0 == UInt8(ascii: "X") || $0 == UInt8(ascii: "(") }) else {
      return nil
    }
    return Double(text)
  }

  private static func trimmed(_ text: String) -> String {
    var rest = Substring(text)
    while let first = rest.first, first.isWhitespace { rest.removeFirst() }
    while let last = rest.last, last.isWhitespace { rest.removeLast() }
    return String(rest)
  }
}
