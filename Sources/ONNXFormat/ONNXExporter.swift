import Files
import GraphIR
import Tensors

/// Writes ONNX models. Weights go from where they lie to the file, without a copy of the whole.
public enum ONNXExporter {
  public struct Options: Hashable, Sendable {
    /// Tensors of at least this many bytes go to a second file, named like the model with `.data` behind; nil keeps
    /// all of them in the model.
    public var externalDataThreshold: Int?

    public init(externalDataThreshold: Int? = nil) { self.externalDataThreshold = externalDataThreshold }
  }

  /// Writes `model` to `path`. Readers see the old file or the new one, never a part.
  public static func write(
    _ model: ONNXModel, to path: String, options: Options = Options()
  ) throws(ExportError) {
    let dataName = path.split(separator: "/").last.map { "\($0).data" } ?? ""
    let writer = ModelWriter(model, path: path, dataName: dataName, options: options)
    let message = try writer.encode()
    guard message.byteCount <= Int(Int32.max) else {
      throw ExportError(path: path, problem: .tooLarge(byteCount: message.byteCount))
    }
    do {
      let data = try writer.external.isEmpty ? nil : write(writer.external, to: path + ".data")
      let file = try AtomicFile(path: path)
      try write(message, to: file)
      try file.finish()
      try data?.publish()
      try file.publish()
    } catch {
      throw ExportError(path: path, problem: .unwritable(error.reason))
    }
  }

  /// The encoded model, all weights inside.
  public static func encode(_ model: ONNXModel) throws(ExportError) -> [UInt8] {
    let message = try ModelWriter(model, path: "<memory>", dataName: "", options: Options()).encode()
    var bytes: [UInt8] = []
    bytes.reserveCapacity(message.byteCount)
    forEachPart(of: message) { bytes += $0 }
    return bytes
  }

  static func write(_ message: MessageWriter, to file: AtomicFile) throws(SystemError) {
    var failure: SystemError?
    forEachPart(of: message) { part in
      guard failure == nil else { return }
      do throws(SystemError) { try file.append(part) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  private static func forEachPart(of message: MessageWriter, _ body: (UnsafeRawBufferPointer) -> Void) {
    message.bytes.withUnsafeBytes { bytes in
      var position = 0
      for payload in message.payloads {
        body(UnsafeRawBufferPointer(rebasing: bytes[position..<payload.position]))
        payload.tensor.withUnsafeBytes { body($0) }
        position = payload.position
      }
      body(UnsafeRawBufferPointer(rebasing: bytes[position...]))
    }
  }

  private static func write(_ tensors: [ExternalTensor], to path: String) throws(SystemError) -> AtomicFile {
    let file = try AtomicFile(path: path)
    for entry in tensors {
      try file.append(zeros: entry.offset - file.byteCount)
      var failure: SystemError?
      entry.tensor.withUnsafeBytes { bytes in
        do throws(SystemError) { try file.append(bytes) } catch { failure = error }
      }
      if let failure { throw failure }
    }
    try file.finish()
    return file
  }
}

/// A tensor and its place in the external data file.
struct ExternalTensor {
  var offset: Int
  var tensor: Tensor
}
