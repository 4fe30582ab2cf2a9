import Files
import GraphIR
import Tensors

/// A value in a file of its own, as ONNX's test data keeps inputs and outputs: `TensorProto`, `SequenceProto` or
/// `OptionalProto`.
public struct ONNXValueFile: Sendable {
  /// What the file calls the value; often empty.
  public var name: String
  public var value: RuntimeValue

  public init(name: String = "", value: RuntimeValue) {
    self.name = name
    self.value = value
  }

  /// Reads the file at `path`. Large contents stay in the mapped file.
  ///
  /// - Parameter type: what the file holds, since files do not say it themselves; unknown ones are read as tensors.
  public static func load(
    path: String, type: ValueType, limits: ImportLimits = .standard
  ) throws(ImportError) -> ONNXValueFile {
    let file: MappedFile
    do {
      file = try ONNXImporter.map(path, limits)
    } catch {
      // An `OptionalProto` without a value may be encoded as nothing.
      guard case .optional(let element) = type, error.problem == .empty else { throw error }
      return ONNXValueFile(value: .optional(nil, of: element.withoutShape))
    }
    var reader = ValueFileReader(file, path: path, limits: limits)
    return try reader.value(0..<file.bytes.count, type, nesting: 0)
  }

  /// Writes the file; readers see the old one or the new one, never a part.
  public func write(to path: String) throws(ExportError) {
    let message = MessageWriter.value(value, name: name)
    guard message.byteCount <= Int(Int32.max) else {
      throw ExportError(path: path, problem: .tooLarge(byteCount: message.byteCount))
    }
    do {
      let file = try AtomicFile(path: path)
      try ONNXExporter.write(message, to: file)
      try file.finish()
      try file.publish()
    } catch {
      throw ExportError(path: path, problem: .unwritable(error.reason))
    }
  }
}

/// Field numbers of `SequenceProto` and `OptionalProto`, which agree, and what `elem_type` says.
private enum ContainerField {
  static let name = 1, elementType = 2, tensor = 3, sequence = 5, optional = 7

  /// The field for values of a type, which `elem_type` has another number for.
  static func place(of type: ValueType) -> (field: Int, elementType: Int) {
    switch type {
    case .tensor, .unknown: (tensor, 1)
    case .sequence: (sequence, 3)
    case .optional: (optional, 5)
    }
  }
}

private struct ValueFileReader {
  private let file: MappedFile
  private let path: String
  private let limits: ImportLimits
  private let external: ExternalData
  private var elementCount = 0

  init(_ file: MappedFile, path: String, limits: ImportLimits) {
    self.file = file
    self.path = path
    self.limits = limits
    external = ExternalData(folder: path.lastIndex(of: "/").map { String(path[...$0]) } ?? ".", limits: limits)
  }

  mutating func value(
    _ range: Range<Int>, _ type: ValueType, nesting: Int
  ) throws(ImportError) -> ONNXValueFile {
    guard nesting < limits.nesting else { throw fail(range.lowerBound, .nestedTooDeeply(limit: limits.nesting)) }
    switch type {
    case .tensor, .unknown:
      let bytes = UnsafeRawBufferPointer(rebasing: file.bytes[range])
      let content = try ONNXTensorFile.decode(bytes, owner: file, path: path, external: external, limits: limits)
      // Of a tensor outside of containers the run itself tells what it wants.
      if nesting > 0, let wanted = type.tensor?.dataType, wanted != content.tensor.dataType {
        throw fail(range.lowerBound, .invalidTensor("it holds \(content.tensor.dataType) elements, not \(wanted)"))
      }
      return ONNXValueFile(name: content.name, value: .tensor(content.tensor))
    case .sequence(let element):
      let (name, elements) = try elements(range, element, nesting: nesting)
      let type = element == .unknown ? elements.first?.type ?? element : element
      return ONNXValueFile(name: name, value: .sequence(elements, of: type.withoutShape))
    case .optional(let element):
      let (name, elements) = try elements(range, element, nesting: nesting)
      guard elements.count <= 1 else { throw fail(range.lowerBound, .malformed("an optional holds two values")) }
      let type = element == .unknown ? elements.first?.type ?? element : element
      return ONNXValueFile(name: name, value: .optional(elements.first, of: type.withoutShape))
    }
  }

  /// The name of a container and what it holds.
  private mutating func elements(
    _ range: Range<Int>, _ type: ValueType, nesting: Int
  ) throws(ImportError) -> (String, [RuntimeValue]) {
    guard !range.isEmpty else { return ("", []) }
    let wanted = ContainerField.place(of: type)
    var name = ""
    var values: [RuntimeValue] = []
    var reader = WireReader(file.bytes, range)
    while !reader.isAtEnd {
      let start = reader.offset
      let (field, wireType, content) = try next(&reader)
      switch field {
      case ContainerField.name where wireType == .lengthDelimited:
        name = String(decoding: file.bytes[content], as: UTF8.self)
      case ContainerField.elementType: break
      case wanted.field where wireType == .lengthDelimited:
        elementCount += 1
        guard elementCount <= limits.nodeCount else {
          throw fail(start, .tooMany(what: "elements", limit: limits.nodeCount))
        }
        values.append(try value(content, type, nesting: nesting + 1).value)
      default: throw fail(start, .malformed("it does not hold \(type), which the model wants"))
      }
    }
    return (name, values)
  }

  private func next(_ reader: inout WireReader) throws(ImportError) -> (Int, WireType, Range<Int>) {
    do throws(WireFault) {
      let (field, type) = try reader.tag()
      return (field, type, try reader.value(type))
    } catch {
      throw fail(error.offset, error.problem)
    }
  }

  private func fail(_ offset: Int, _ problem: ImportError.Problem) -> ImportError {
    ImportError(path: path, place: "byte \(offset)", problem: problem)
  }
}

extension MessageWriter {
  fileprivate static func value(_ value: RuntimeValue, name: String) -> MessageWriter {
    switch value {
    case .tensor(let tensor): .tensor(tensor, name: name)
    case .sequence(let elements, let type): container(elements, ContainerField.place(of: type), name: name)
    case .optional(let content?, let type): container([content], ContainerField.place(of: type), name: name)
    case .optional(nil, let type):
      // No element type says that there is no value.
      container([], (ContainerField.place(of: type).field, 0), name: name)
    }
  }

  private static func container(
    _ elements: [RuntimeValue], _ place: (field: Int, elementType: Int), name: String
  ) -> MessageWriter {
    var message = MessageWriter()
    if !name.isEmpty { message.string(ContainerField.name, name) }
    message.int(ContainerField.elementType, place.elementType)
    for element in elements { message.message(place.field, value(element, name: "")) }
    return message
  }
}
