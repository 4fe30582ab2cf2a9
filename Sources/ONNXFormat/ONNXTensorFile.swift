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
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    return try decode(
      file.bytes, owner: file, path: path, external: ExternalData(folder: folder, limits: limits), limits: limits)
  }

  /// Reads an encoded tensor, whose bytes `owner` keeps.
  static func decode(
    _ bytes: UnsafeRawBufferPointer, owner: AnyObject, path: String, external: ExternalData, limits: ImportLimits
  ) throws(ImportError) -> ONNXTensorFile {
    let skeleton: Skeleton
    do {
      skeleton = try Skeleton(of: bytes, as: WireSchema.shared.tensor, limits: limits)
    } catch {
      throw ImportError(path: path, place: "byte \(error.offset)", problem: error.problem)
    }
    guard let arena = vz_onnx_arena_create(limits.structureByteCount) else {
      throw ImportError(path: path, problem: .unreadable("out of memory"))
    }
    defer { vz_onnx_arena_destroy(arena) }
    let encoded = skeleton.message.bytes
    guard let message = vz_onnx_tensor_unpack(arena, encoded.count, encoded.baseAddress) else {
      throw ImportError(path: path, problem: .malformed("its messages do not decode"))
    }
    let reader = TensorReader(
      bytes: bytes, owner: owner, payloads: skeleton.payloads, path: path, limits: limits, external: external)
    return ONNXTensorFile(
      name: string(message.pointee.name) ?? "", tensor: try reader.tensor(message.pointee, place: "the tensor"))
  }

  /// Writes the file; readers see the old one or the new one, never a part.
  public func write(to path: String) throws(ExportError) {
    try ONNXValueFile(name: name, value: .tensor(tensor)).write(to: path)
  }
}
