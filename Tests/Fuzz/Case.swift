import Compiler
import Conversion
import Glibc
import GraphIR
import Inspection
import ONNXFormat
import Tensors
import Viseme

/// A model, its inputs, and how it is run: what one execution of the fuzzer is about.
///
/// In bytes it is a protobuf message: the model (1), its inputs in order (2), each a kind (1) and tensors (2), and
/// the mode (3). It always can be read: what makes no sense is left out.
struct Case {
  /// Bits of the field `mode`.
  private struct Mode: OptionSet {
    let rawValue: UInt64
    static let reference = Mode(rawValue: 1)
    static let twoThreads = Mode(rawValue: 2)
    static let twice = Mode(rawValue: 4)
    static let converted = Mode(rawValue: 8)
    static let withoutFolder = Mode(rawValue: 16)
    static let recordedInputs = Mode(rawValue: 32)
  }

  private enum InputKind: UInt64 {
    case tensor, sequence, optional, emptySequence
  }

  private let model: [UInt8]
  private let inputs: [Message]
  private let mode: Mode

  /// What a case may take: enough for any honest one of the corpus, little enough to fill quickly.
  private static let memoryLimit = 64 << 20
  private static let secondsPerRun = 2.0

  init(_ bytes: [UInt8]) {
    let message = Message(type: MessageSchema.case, bytes: bytes[...])
    model = message.fields.first { $0.number == 1 }.flatMap { field in
      switch field.value {
      case .message(let model): model.encoded
      case .bytes(let bytes): bytes
      default: nil
      }
    } ?? []
    inputs = message.messages(2)
    mode = Mode(rawValue: message.varint(3) ?? 32)
  }

  /// A case of any other file: the file is the model, as it is.
  init(model: [UInt8]) {
    self.model = model
    inputs = []
    mode = []
  }

  /// Imports, compiles and runs the model. What is refused returns what refused it; nothing else may happen.
  func run() -> String {
    var options = ModelOptions(
      threads: mode.contains(.twoThreads) ? 2 : 1, isReference: mode.contains(.reference),
      memoryLimit: Self.memoryLimit)
    if mode.contains(.reference) { options.withoutPasses = [] }
    let folder = mode.contains(.withoutFolder) ? nil : Playground.shared.folder
    do {
      if mode.contains(.converted) { try convert(folder) }
      let model = try self.model.withUnsafeBytes { try Model(bytes: $0, baseDirectory: folder, options: options) }
      let session = Session(model)
      for _ in 0..<(mode.contains(.twice) ? 2 : 1) {
        let values = self.values(for: model)
        for value in try session.run(values: values, options: RunOptions(timeLimit: Self.secondsPerRun)) {
          Self.look(at: value)
        }
      }
      return "ran"
    } catch {
      return "\(error)"
    }
  }

  /// What `viseme convert` does.
  private func convert(_ folder: String?) throws {
    let source = try ONNXImporter.load(bytes: model, baseDirectory: folder)
    var conversion = ModelConversion()
    let opsets = [nil, 11, 13, 17, 19, 21, 23, 28]
    conversion.opset = opsets[Int(mode.rawValue >> 6) % opsets.count]
    conversion.storesHalves = mode.contains(.twice)
    conversion.optimizes = !mode.contains(.reference)
    let converted = try conversion.convert(source, name: "case").model
    _ = try ONNXImporter.load(bytes: try ONNXExporter.encode(converted))
  }

  private func values(for model: Model) -> [RuntimeValue] {
    var numbers = SeededNumbers(seed: mode.rawValue >> 6)
    return model.inputValues.enumerated().map { index, input in
      if mode.contains(.recordedInputs), index < inputs.count, let value = recorded(inputs[index]) { return value }
      return Self.made(input.type, &numbers)
    }
  }

  /// An input that the case has; nil if it cannot be read.
  private func recorded(_ input: Message) -> RuntimeValue? {
    let tensors = input.messages(2).compactMap(Playground.shared.tensor)
    let kind = InputKind(rawValue: input.varint(1) ?? 0) ?? .tensor
    let type: ValueType = tensors.first.map { .tensor(TensorType($0.dataType, nil as [Dimension]?)) } ?? .unknown
    switch kind {
    case .tensor: return tensors.first.map(RuntimeValue.tensor)
    case .sequence: return .sequence(tensors.map(RuntimeValue.tensor), of: type)
    case .optional: return .optional(tensors.first.map(RuntimeValue.tensor), of: type)
    case .emptySequence: return .sequence([], of: .tensor(TensorType(.float32, nil as [Dimension]?)))
    }
  }

  /// A value of a declared type, with extents of up to 4 where none are declared.
  private static func made(_ type: ValueType, _ numbers: inout SeededNumbers) -> RuntimeValue {
    switch type {
    case .unknown: return .tensor(Tensor.random(.float32, [2, 3], &numbers))
    case .tensor(let type):
      let rank = Int(numbers.next() % 5)
      let dims = (type.dims ?? [Dimension](repeating: .unknown, count: rank)).prefix(64).map { dim in
        dim.value ?? Int(numbers.next() % 5)
      }
      let dataType = type.dataType ?? .float32
      let shape = Shape(Array(dims))
      guard dims.allSatisfy({ $0 >= 0 }), let count = shape.checkedCount, count <= 1 << 20 else {
        return .tensor(Tensor(dataType, [0]))
      }
      return .tensor(Tensor.random(dataType, shape, &numbers))
    case .sequence(let element):
      let elements = (0..<Int(numbers.next() % 4)).map { _ in made(element, &numbers) }
      return .sequence(elements, of: element)
    case .optional(let element):
      return .optional(numbers.next() % 2 == 0 ? nil : made(element, &numbers), of: element)
    }
  }

  /// Reads every byte of a result, so that results outside their memory are found.
  private static func look(at value: RuntimeValue) {
    switch value {
    case .tensor(let tensor):
      let sum = tensor.withUnsafeBytes { $0.reduce(UInt8(0)) { $0 ^ $1 } }
      checksum ^= sum
    case .sequence(let elements, _): elements.forEach(look)
    case .optional(let element, _): element.map(look)
    }
  }

  nonisolated(unsafe) private static var checksum: UInt8 = 0
}
