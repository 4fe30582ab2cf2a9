import COnnx
import Foundation
import Testing

/// The generated code and `onnx.proto` must say the same.
@Suite struct SchemaTests {
  private static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  private struct Field: Hashable {
    var message: String
    var name: String
    var number: Int
    var isRepeated: Bool
    var type: String
  }

  @Test func generatedCodeMatchesTheSchema() throws {
    let text = try String(contentsOf: Self.root.appendingPathComponent("Sources/COnnx/onnx.proto"), encoding: .utf8)
    let written = parse(text)
    let compiled = compiledFields()
    #expect(written.count > 90)
    #expect(written.subtracting(compiled).isEmpty, "run Tools/generate-onnx-proto")
    #expect(compiled.subtracting(written).isEmpty, "run Tools/generate-onnx-proto")
  }

  @Test func regeneratingChangesNothing() throws {
    let header = try String(
      contentsOf: Self.root.appendingPathComponent("Sources/COnnx/include/onnx.pb-c.h"), encoding: .utf8)
    // Generators of other versions write the same code in other words.
    guard let version = installedGenerator(), header.contains("#elif \(version) < PROTOBUF_C_MIN_COMPILER_VERSION")
    else { return }
    try withTemporaryFolder { folder in
      #expect(run(Self.root.appendingPathComponent("Tools/generate-onnx-proto").path, [folder])?.status == 0)
      for file in ["onnx.pb-c.c", "include/onnx.pb-c.h"] {
        let committed = try Data(contentsOf: Self.root.appendingPathComponent("Sources/COnnx/\(file)"))
        let fresh = try Data(contentsOf: URL(fileURLWithPath: folder).appendingPathComponent(file))
        #expect(committed == fresh, "\(file): run Tools/generate-onnx-proto")
      }
    }
  }

  /// `protoc-c`'s version as the generated header spells it, such as `1004001`.
  private func installedGenerator() -> String? {
    guard let output = run("/usr/bin/env", ["protoc-c", "--version"])?.output else { return nil }
    let line = output.split(separator: "\n").first { $0.hasPrefix("protobuf-c ") }
    let parts = line?.dropFirst("protobuf-c ".count).split(separator: ".").compactMap { Int($0) } ?? []
    return parts.count == 3 ? String(parts[0] * 1_000_000 + parts[1] * 1000 + parts[2]) : nil
  }

  private func run(_ program: String, _ arguments: [String]) -> (status: Int32, output: String)? {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return nil }
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }

  // MARK: The schema as written

  /// Reads the part of the language that `onnx.proto` uses: messages, enums, oneofs and fields, one to a line.
  private func parse(_ text: String) -> Set<Field> {
    var fields: Set<Field> = []
    var scopes: [(kind: String, name: String)] = []
    let enums = Set(text.matches(of: #/enum (\w+) \{/#).map { String($0.output.1) })
    for line in text.split(separator: "\n").map({ $0.trimmingCharacters(in: .whitespaces) }) {
      if let opening = line.wholeMatch(of: #/(message|enum|oneof) (\w+) \{/#) {
        scopes.append((String(opening.output.1), String(opening.output.2)))
      } else if line == "}" {
        scopes.removeLast()
      } else if scopes.last?.kind != "enum",
        let field = line.wholeMatch(of: #/(?:(optional|repeated) )?(\w+) (\w+) = (\d+)(?: \[packed = true\])?;/#)
      {
        let type = String(field.output.2)
        fields.insert(
          Field(
            message: scopes.filter { $0.kind == "message" }.map(\.name).joined(separator: "."),
            name: String(field.output.3), number: Int(field.output.4)!,
            isRepeated: field.output.1 == "repeated", type: enums.contains(type) ? "enum" : type))
      }
    }
    return fields
  }

  // MARK: The schema as compiled

  private func compiledFields() -> Set<Field> {
    var fields: Set<Field> = []
    var found = [vz_onnx_model_descriptor()!]
    var next = 0
    while next < found.count {
      let message = found[next].pointee
      next += 1
      for field in UnsafeBufferPointer(start: message.fields, count: Int(message.n_fields)) {
        var type = Self.typeNames[field.type.rawValue] ?? "?"
        if field.type == PROTOBUF_C_TYPE_MESSAGE {
          let child = field.descriptor.assumingMemoryBound(to: ProtobufCMessageDescriptor.self)
          type = String(cString: child.pointee.short_name)
          if !found.contains(child) { found.append(child) }
        }
        fields.insert(
          Field(
            message: String(String(cString: message.name).dropFirst("onnx.".count)), name: String(cString: field.name),
            number: Int(field.id), isRepeated: field.label == PROTOBUF_C_LABEL_REPEATED, type: type))
      }
    }
    return fields
  }

  private static let typeNames: [UInt32: String] = [
    PROTOBUF_C_TYPE_INT32.rawValue: "int32", PROTOBUF_C_TYPE_INT64.rawValue: "int64",
    PROTOBUF_C_TYPE_UINT64.rawValue: "uint64", PROTOBUF_C_TYPE_FLOAT.rawValue: "float",
    PROTOBUF_C_TYPE_DOUBLE.rawValue: "double", PROTOBUF_C_TYPE_ENUM.rawValue: "enum",
    PROTOBUF_C_TYPE_STRING.rawValue: "string", PROTOBUF_C_TYPE_BYTES.rawValue: "bytes",
  ]
}
