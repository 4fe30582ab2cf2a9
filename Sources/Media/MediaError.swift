import Glibc

/// A picture, sound or frame that could not be read or written: which one, and why.
public struct MediaError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The file as the caller named it, or a name that stands for it ("standard output").
  public var path: String
  public var problem: Problem

  public enum Problem: Hashable, Sendable {
    /// The operating system refused; the payload is `errno`.
    case cannotOpen(errno: Int32)
    case cannotRead(errno: Int32)
    case cannotWrite(errno: Int32)
    case cannotCreateFolder(errno: Int32)
    /// A folder, pipe, socket or device where a file is wanted.
    case notAFile(FileKind)
    case empty
    case tooManyBytes(limit: Int)
    /// A picture that starts like neither JPEG nor PNG.
    case notAPicture
    /// The data ends before its content does.
    case truncated
    case corrupt(String)
    case unsupported(String)
    /// A picture with more pixels, or a longer side, than `ImageFile` accepts.
    case dimensions(width: Int, height: Int)
    case outOfMemory
    /// The decoder's words for a file that it does not recognize as sound.
    case notSound(String)
    case sampleRate(Int)
    case channels(Int)
    case startsAfterEnd(start: Double, seconds: Double)
    case notSeekable
    /// Whoever was reading our output has gone.
    case closedPipe
    /// The caller asked for something that cannot be; the text says what.
    case invalidRequest(String)
  }

  public enum FileKind: String, Hashable, Sendable {
    case folder = "a folder"
    case pipe = "a pipe"
    case socket = "a socket"
    case device = "a device"
    case other = "not a regular file"
  }

  public init(path: String, problem: Problem) {
    self.path = path
    self.problem = problem
  }

  public var description: String { "\(path.isEmpty ? "(no name)" : path): \(problem)" }
}

extension MediaError.Problem: CustomStringConvertible {
  public var description: String {
    switch self {
    case .cannotOpen(let number): "cannot be opened: \(systemMessage(number))"
    case .cannotRead(let number): "cannot be read: \(systemMessage(number))"
    case .cannotWrite(let number): "cannot be written: \(systemMessage(number))"
    case .cannotCreateFolder(let number): "the folder cannot be made: \(systemMessage(number))"
    case .notAFile(let kind): "is \(kind.rawValue), a file is needed"
    case .empty: "is empty"
    case .tooManyBytes(let limit): "is larger than \(limit >> 20) MiB"
    case .notAPicture: "is neither a JPEG nor a PNG picture"
    case .truncated: "is cut short"
    case .corrupt(let reason): "is damaged: \(reason)"
    case .unsupported(let reason): "is of an unsupported kind: \(reason)"
    case .dimensions(let width, let height):
      "has \(width) x \(height) pixels; the limit is \(ImageFile.maximumSide) a side and "
        + "\(ImageFile.maximumPixelCount >> 20) Mi pixels"
    case .outOfMemory: "not enough memory"
    case .notSound(let reason): "is not sound that can be decoded (\(reason)); it may not be the sound file that its name says"
    case .sampleRate(let rate): "has \(rate) samples a second; \(AudioReader.sampleRates) are supported"
    case .channels(let count): "has \(count) channels; \(AudioReader.channelCounts) are supported"
    case .startsAfterEnd(let start, let seconds): "lasts \(seconds) s, so it cannot start at \(start) s"
    case .notSeekable: "cannot be read twice"
    case .closedPipe: "the reader has closed the pipe"
    case .invalidRequest(let reason): reason
    }
  }
}

private func systemMessage(_ number: Int32) -> String {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
    buffer.initialize(repeating: 0)
    return strerror_r(number, buffer.baseAddress!, 255) == 0
      ? String(cString: buffer.baseAddress!) : "error \(number)"
  }
}
