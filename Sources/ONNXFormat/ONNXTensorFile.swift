import COnnx
import Files
import Tensors

/// A tensor in a file of its own (`TensorProto`), as ONNX's test data keeps inputs and outputs.
public struct ONNXTensorFile: Sendable {
  /// What the file calls the tensor; often empty.
  public var name: String
  public var tensor: Tensor

  public init(name: String = "", tensor: Tensor) {
    self.name = name
    self.tensor = tensor
  }

  /// Reads the file at `path`. Large contents stay in the mapped file.
  public static func load(path: String, limits: ImportLimits = .standard) throws(ImportError) -> ONNXTensorFile {
    let file = try ONNXImporter.map(path, limits)
    let skeleton: Skeleton
    do {
      skeleton = try Skeleton(of: file.bytes, as: WireSchema.shared.tensor, limits: limits)
    } catch {
      throw ImportError(path: path, place: "byte \(error.offset)", problem: error.problem)
    }
    guard let arena = vz_onnx_arena_create(limits.structureByteCount) else {
      throw ImportError(path: path, problem: .unreadable("out of memory"))
    }
    defer { vz_onnx_arena_destroy(arena) }
    let bytes = skeleton.message.bytes
    guard let message = vz_onnx_tensor_unpack(arena, bytes.count, bytes.baseAddress) else {
      throw ImportError(path: path, problem: .malformed("its messages do not decode"))
    }
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    let reader = TensorReader(
      bytes: file.bytes, owner: file, payloads: skeleton.payloads, path: path, limits: limits,
      external: ExternalData(folder: folder, limits: limits))
    return ONNXTensorFile(
      name: string(message.pointee.name) ?? "", tensor: try reader.tensor(message.pointee, place: "the tensor"))
  }

  /// Writes the file; readers see the old one or the new one, never a part.
  public func write(to path: String) throws(ExportError) {
    let message = MessageWriter.tensor(tensor, name: name)
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
