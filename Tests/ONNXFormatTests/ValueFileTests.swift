import GraphIR
import ONNXFormat
import Tensors
import Testing

/// Files of tensors, sequences and optionals.
struct ValueFileTests {
  private let floats = ValueType.tensor(TensorType(.float32, nil as [Dimension]?))

  private func text(_ value: RuntimeValue) -> String {
    switch value {
    case .tensor(let tensor):
      tensor.dataType == .string ? "\(tensor.strings)" : "\(tensor.shape)\(tensor.elements(as: Float.self))"
    case .sequence(let elements, let type): "sequence of \(type): \(elements.map(text))"
    case .optional(let value, let type): "optional \(type): \(value.map(text) ?? "nothing")"
    }
  }

  private var values: [RuntimeValue] {
    let small = RuntimeValue.tensor(Tensor([1, 2, 3] as [Float])), scalar = RuntimeValue.tensor(Tensor(scalar: 7 as Float))
    let large = RuntimeValue.tensor(Tensor((0..<3000).map(Float.init), shape: [3, 1000]))
    let sequence = RuntimeValue.sequence([small, large, scalar], of: floats)
    let words = ValueType.tensor(TensorType(.string, nil as [Dimension]?))
    return [
      small, sequence, .sequence([], of: floats), .sequence([.tensor(Tensor(strings: ["a", "ü"]))], of: words),
      .sequence([sequence, .sequence([], of: floats)], of: .sequence(floats)), .optional(nil, of: floats),
      .optional(large, of: floats), .optional(sequence, of: .sequence(floats)), .optional(nil, of: .sequence(floats)),
      .sequence([.optional(small, of: floats), .optional(nil, of: floats)], of: .optional(floats)),
    ]
  }

  @Test func whatIsWrittenIsRead() throws {
    try withTemporaryFolder { folder in
      for value in values {
        let path = "\(folder)/value.pb"
        try ONNXValueFile(name: "x", value: value).write(to: path)
        let copy = try ONNXValueFile.load(path: path, type: value.type)
        #expect(copy.name == "x" && text(copy.value) == text(value))
      }
    }
  }

  @Test func anEmptyFileIsAnOptionalWithoutValueAndNothingElse() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/value.pb"
      try write([], to: path)
      #expect(try text(ONNXValueFile.load(path: path, type: .optional(floats)).value) == "optional \(floats): nothing")
      #expect(throws: ImportError.self) { try ONNXValueFile.load(path: path, type: .sequence(floats)) }
    }
  }

  @Test func otherKindsAndDamagedFilesAreRefused() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/value.pb"
      try ONNXValueFile(name: "x", value: values[1]).write(to: path)
      for type in [floats, .sequence(.sequence(floats)), .sequence(.tensor(TensorType(.int64, [.unknown]))), .optional(floats)] {
        #expect(throws: ImportError.self, "as \(type)") { try ONNXValueFile.load(path: path, type: type) }
      }
      let whole = try fileBytes(path)
      for end in stride(from: 1, to: whole.count, by: 61) {
        try write(whole[..<end], to: path)
        // Where it is cut between two elements, the rest is a shorter sequence.
        if let part = try? ONNXValueFile.load(path: path, type: values[1].type) {
          #expect(part.value.sequence!.count < 3)
        }
      }
      var deep: [UInt8] = []
      for _ in 0..<200 { deep = [0x10, 3, 0x2a] + length(deep.count) + deep }
      try write(deep, to: path)
      let nested = (0..<200).reduce(floats) { type, _ in .sequence(type) }
      #expect(throws: ImportError.self) { try ONNXValueFile.load(path: path, type: nested) }
    }
  }

  private func length(_ count: Int) -> [UInt8] {
    count < 0x80 ? [UInt8(count)] : [UInt8(count & 0x7f) | 0x80, UInt8(count >> 7)]
  }
}
