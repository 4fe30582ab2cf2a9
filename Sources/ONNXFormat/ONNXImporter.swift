import COnnx
import Files
import GraphIR
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Reads ONNX models. Weights are not copied: they stay in the mapped file, possibly unaligned
/// (`Tensor.isAligned(to:)`).
public enum ONNXImporter {
  /// Reads the model at `path`; external data is looked for in its folder and below.
  public static func load(path: String, limits: ImportLimits = .standard) throws(ImportError) -> ONNXModel {
    let file = try map(path, limits)
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    return try read(file.bytes, owner: file, path: path, folder: folder, limits: limits, mapping: file)
  }

  /// Reads an encoded model; without `baseDirectory` it must not have external data. The bytes are copied once.
  public static func load(
    bytes: [UInt8], baseDirectory: String? = nil, limits: ImportLimits = .standard
  ) throws(ImportError) -> ONNXModel {
    try checkSize(bytes.count, path: inMemory, limits)
    let buffer = TensorBuffer(byteCount: bytes.count)
    bytes.withUnsafeBytes { source in
      if let start = source.baseAddress { buffer.base.copyMemory(from: start, byteCount: source.count) }
    }
    let copy = UnsafeRawBufferPointer(start: buffer.base, count: bytes.count)
    return try load(borrowing: copy, owner: buffer, baseDirectory: baseDirectory, limits: limits)
  }

  /// Reads an encoded model whose bytes `owner` keeps alive and unchanged.
  public static func load(
    borrowing bytes: UnsafeRawBufferPointer, owner: AnyObject, baseDirectory: String? = nil,
    limits: ImportLimits = .standard
  ) throws(ImportError) -> ONNXModel {
    try checkSize(bytes.count, path: inMemory, limits)
    return try read(bytes, owner: owner, path: inMemory, folder: baseDirectory, limits: limits, mapping: nil)
  }

  private static let inMemory = "<memory>"

  private static func checkSize(_ byteCount: Int, path: String, _ limits: ImportLimits) throws(ImportError) {
    guard byteCount > 0 else { throw ImportError(path: path, problem: .empty) }
    guard byteCount <= limits.fileByteCount else {
      let problem = ImportError.Problem.tooLarge(what: "the file", byteCount: byteCount, limit: limits.fileByteCount)
      throw ImportError(path: path, problem: problem)
    }
  }

  static func map(_ path: String, _ limits: ImportLimits) throws(ImportError) -> MappedFile {
    do {
      // A pipe would block without O_NONBLOCK.
      let file = try FileDescriptor(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK))
      let status = try file.status()
      if let kind = status.kindIfNotRegular { throw ImportError(path: path, problem: .notAFile(kind)) }
      try checkSize(Int(status.st_size), path: path, limits)
      return try MappedFile(descriptor: file.raw, status: status)
    } catch let error as ImportError {
      throw error
    } catch let error as SystemError {
      throw ImportError(path: path, problem: .unreadable(error.reason))
    } catch {
      fatalError("no other error is thrown here")
    }
  }

  private static func read(
    _ bytes: UnsafeRawBufferPointer, owner: AnyObject, path: String, folder: String?, limits: ImportLimits,
    mapping: MappedFile?
  ) throws(ImportError) -> ONNXModel {
    do throws(ImportError) {
      let skeleton = try skeleton(of: bytes, path: path, limits)
      let message = try DecodedModel(skeleton, path: path, limits: limits)
      let tensors = TensorReader(
        bytes: bytes, owner: owner, payloads: skeleton.payloads, path: path, limits: limits,
        external: ExternalData(folder: folder, limits: limits))
      var model = try ModelReader(tensors: tensors).read(message)
      model.structureHash = ContentHash(of: UnsafeRawBufferPointer(skeleton.message.bytes))
      model.mappings = (mapping.map { [$0] } ?? []) + tensors.external.mappings
      return model
    } catch {
      throw recognized(error, bytes)
    }
  }

  private static func skeleton(
    of bytes: UnsafeRawBufferPointer, path: String, _ limits: ImportLimits
  ) throws(ImportError) -> Skeleton {
    do {
      return try Skeleton(of: bytes, limits: limits)
    } catch {
      throw ImportError(path: path, place: "byte \(error.offset)", problem: error.problem)
    }
  }

  /// `error`, or what the file is when it never was an ONNX model.
  private static func recognized(_ error: ImportError, _ bytes: UnsafeRawBufferPointer) -> ImportError {
    switch error.problem {
    case .malformed, .missingGraph: break
    default: return error
    }
    guard let kind = foreignKind(of: bytes) else { return error }
    return ImportError(path: error.path, problem: .notONNX(kind))
  }
}

/// The message protobuf made of a skeleton, with the memory it lives in.
final class DecodedModel {
  let model: UnsafeMutablePointer<Onnx__ModelProto>
  private let arena: OpaquePointer

  init(_ skeleton: borrowing Skeleton, path: String, limits: ImportLimits) throws(ImportError) {
    guard let arena = vz_onnx_arena_create(limits.structureByteCount) else {
      throw ImportError(path: path, problem: .unreadable("out of memory"))
    }
    let bytes = skeleton.message.bytes
    guard let model = vz_onnx_model_unpack(arena, bytes.count, bytes.baseAddress) else {
      let isExhausted = vz_onnx_arena_is_exhausted(arena) != 0
      vz_onnx_arena_destroy(arena)
      throw ImportError(
        path: path,
        problem: isExhausted
          ? .tooLarge(what: "its structure", byteCount: limits.structureByteCount, limit: limits.structureByteCount)
          : .malformed("its messages do not decode"))
    }
    self.model = model
    self.arena = arena
  }

  deinit { vz_onnx_arena_destroy(arena) }
}
