import GraphIR
import Tensors

/// `ai.onnx.ml` `LabelEncoder` and `CategoryMapper`: each element replaced by the value that belongs to it as a key, or
/// by a default.
public struct LabelEncoder: HostOperator {
  public static let signatures = ["LabelEncoder", "CategoryMapper"].map { Signature($0, domain: Learning.domain) }

  /// Keys as they are compared: strings, or the bits of numbers, all NaNs alike.
  private enum Key: Hashable, Sendable {
    case string(String)
    case number(UInt64)
  }

  private let indices: [Key: Int]
  /// What keys mean, and behind them the default.
  private let values: Tensor
  private let keyType: DataType?
  /// Whether `CategoryMapper` is asked by strings or by numbers: it goes both ways.
  private let reverse: (indices: [Key: Int], values: Tensor)?

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    if node.node.operatorName == "CategoryMapper" || node.has("classes_strings") {
      let name = node.has("cats_strings") ? "cats_strings" : "classes_strings"
      let names = try Self.strings(node, name) ?? []
      let numbers = try node.ints("cats_int64s") ?? Array(names.indices)
      guard names.count == numbers.count else { throw node.invalid("names and numbers differ in count") }
      let fallback = (
        try node.int("default_int64", default: -1), try node.string("default_string", default: "_Unused"))
      indices = Self.table(names.map { .string($0) })
      values = Tensor((numbers + [fallback.0]).map(Int64.init))
      reverse = (Self.table(numbers.map { .number(UInt64(bitPattern: Int64($0))) }), Tensor(strings: names + [fallback.1]))
      keyType = nil
      return
    }
    reverse = nil
    guard let keys = try Self.list(node, "keys"), let results = try Self.list(node, "values"), keys.count == results.count
    else { throw node.invalid("keys and values are missing or differ in count") }
    keyType = keys.dataType
    indices = Self.table((0..<keys.count).map { Self.key(keys, $0) })
    values = try Self.appended(try Self.fallback(node, results.dataType), to: results, node)
  }

  private static func table(_ keys: [Key]) -> [Key: Int] {
    Dictionary(keys.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
  }

  private static func strings(_ node: NodeReader, _ name: String) throws(OperatorError) -> [String]? {
    switch node.node.attributes[name] {
    case nil: return nil
    case .strings(let texts): return texts.map { String(decoding: $0, as: UTF8.self) }
    default: throw node.invalid("attribute “\(name)” is not a list of strings")
    }
  }

  private static func list(_ node: NodeReader, _ prefix: String) throws(OperatorError) -> Tensor? {
    if let tensor = try node.tensor("\(prefix)_tensor") { return tensor.reshaped([tensor.count]) }
    if let texts = try strings(node, "\(prefix)_strings") { return Tensor(strings: texts) }
    if let numbers = try node.ints("\(prefix)_int64s") { return Tensor(numbers.map(Int64.init)) }
    return try node.floats("\(prefix)_floats").map { Tensor($0) }
  }

  private static func fallback(_ node: NodeReader, _ type: DataType) throws(OperatorError) -> Tensor {
    if let tensor = try node.tensor("default_tensor"), tensor.count == 1, tensor.dataType == type {
      return tensor.reshaped([1])
    }
    switch type {
    case .string: return Tensor(strings: [try node.string("default_string", default: "_Unused")])
    case .int64: return Tensor([Int64(try node.int("default_int64", default: -1))])
    case .float32: return Tensor([try node.float("default_float", default: -0.0)])
    default:
      var value = Tensor(type, [1])
      value.withUnsafeMutableBytes { bytes in
        if let base = bytes.baseAddress { ElementAccess.store(type.isFloatingPoint ? 0 : -1, base, 0, type) }
      }
      return value
    }
  }

  private static func appended(_ last: Tensor, to list: Tensor, _ node: NodeReader) throws(OperatorError) -> Tensor {
    guard list.dataType != .string else { return Tensor(strings: list.strings + last.strings) }
    guard let width = list.dataType.elementByteCount else {
      throw node.unsupported("values of type \(list.dataType) are not implemented")
    }
    var all = Tensor(list.dataType, [list.count + 1])
    all.withUnsafeMutableBytes { target in
      list.withUnsafeBytes { target.copyBytes(from: $0) }
      last.withUnsafeBytes { source in
        UnsafeMutableRawBufferPointer(rebasing: target[(list.count * width)...]).copyBytes(from: source)
      }
    }
    return all
  }

  private static func key(_ tensor: Tensor, _ index: Int) -> Key {
    if tensor.dataType == .string { return .string(tensor.strings[index]) }
    let type = tensor.dataType
    guard type.isFloatingPoint else {
      return .number(UInt64(bitPattern: ElementAccess.integer(tensor.baseAddress, index, type)))
    }
    let value = ElementAccess.double(tensor.baseAddress, index, type)
    return .number(value.isNaN ? Double.nan.bitPattern : value == 0 ? 0 : value.bitPattern)
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let input = try context.tensor(0)
    guard let reverse else {
      if let type = input.dataType, let keyType, type != keyType {
        throw context.invalid("the input holds \(type), the keys \(keyType)")
      }
      return [.tensor(TensorType(values.dataType, input.dims))]
    }
    let type = input.dataType.map { $0 == .string ? values.dataType : reverse.values.dataType }
    return [.tensor(TensorType(type, input.dims))]
  }

  public func evaluate(_ context: EvaluationContext) throws(OperatorError) -> [RuntimeValue] {
    let input = try context.tensor(0)
    let (indices, values) = reverse.map { input.dataType == .string ? (self.indices, self.values) : $0 } ?? (indices, values)
    let last = values.count - 1
    let chosen = (0..<input.count).map { indices[Self.key(input, $0)] ?? last }
    if values.dataType == .string {
      return [.tensor(try context.makeTensor(strings: chosen.map { values.strings[$0] }, input.shape))]
    }
    let output = try context.makeTensor(values.dataType, input.shape, isZeroed: false)
    let width = values.dataType.elementByteCount!
    for (position, index) in chosen.enumerated() {
      (output.buffer.base + position * width).copyMemory(from: values.baseAddress + index * width, byteCount: width)
    }
    return [.tensor(output)]
  }
}
