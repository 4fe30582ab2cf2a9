import Files
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The files beside a model that hold its larger tensors. They must lie in the model's folder or below it.
final class ExternalData {
  private let folder: String?
  private let limits: ImportLimits
  private var files: [String: MappedFile] = [:]
  private(set) var mappings: [MappedFile] = []

  init(folder: String?, limits: ImportLimits) {
    self.folder = folder
    self.limits = limits
  }

  /// Why a file cannot be used, as the rest of a sentence that starts with “external data”.
  struct Refusal: Error {
    var reason: String
    init(_ reason: String) { self.reason = reason }
  }

  func file(at location: String) throws(Refusal) -> MappedFile {
    if let known = files[location] { return known }
    do {
      let mapped = try map(location)
      files[location] = mapped
      mappings.append(mapped)
      return mapped
    } catch let refusal as Refusal {
      throw refusal
    } catch let error as SystemError {
      throw Refusal("\(quoted(location)) cannot be read (\(describe(error))); put it beside the model")
    } catch {
      fatalError("no other error is thrown here")
    }
  }

  private func map(_ location: String) throws -> MappedFile {
    guard let folder else { throw Refusal("needs a folder to look in; load the model by its path") }
    guard !location.isEmpty, !location.hasPrefix("/") else {
      throw Refusal("\(quoted(location)) is not a path inside the model's folder; make it relative")
    }
    let steps = location.split(separator: "/").filter { $0 != "." }
    guard !steps.isEmpty, steps.count <= 32, !steps.contains("..") else {
      throw Refusal("\(quoted(location)) leaves the model's folder; move the file beside the model")
    }
    var parent = try FileDescriptor(open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC))
    for step in steps.dropLast() {
      parent = try FileDescriptor(openat(parent.raw, String(step), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC))
    }
    let file = try FileDescriptor(
      openat(parent.raw, String(steps.last!), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC))
    let status = try file.status()
    if let kind = status.kindIfNotRegular { throw Refusal("\(quoted(location)) is \(kind); it must be a file") }
    guard status.st_size <= limits.fileByteCount else {
      throw Refusal("\(quoted(location)) takes \(status.st_size) bytes and the limit is \(limits.fileByteCount)")
    }
    return try MappedFile(descriptor: file.raw, status: status)
  }

  private func describe(_ error: SystemError) -> String {
    // O_NOFOLLOW reports a symbolic link so.
    error.code == ELOOP ? "it is a symbolic link" : error.reason
  }
}
