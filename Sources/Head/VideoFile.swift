import Glibc
import Media

/// Plays frames into ffmpeg, which joins them with the speech to a video; written whole or not at all.
public final class VideoFile: FrameSink {
  public let path: String
  private let temporaryPath: String
  private let stream: FrameStream
  private let descriptor: Int32
  private var process: pid_t
  private var isOpen = true

  /// Whether a program called ffmpeg can be started.
  public static var isAvailable: Bool {
    let folders = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
    return folders.split(separator: ":").contains { access("\($0)/ffmpeg", X_OK) == 0 }
  }

  /// Endings of the formats that hold what is written here (H.264 and AAC).
  public static let endings = ["mp4", "m4v", "mov", "mkv", "avi", "flv", "ts", "3gp"]

  /// Whether `path` ends in one of `endings`, in upper or lower case.
  public static func canWrite(_ path: String) -> Bool {
    endings.contains { path.lowercased().hasSuffix(".\($0)") }
  }

  /// - Parameters:
  ///   - path: ends in one of `endings`, which tells ffmpeg the format.
  ///   - start, duration: the part of the speech that the frames show.
  public init(
    path: String, fps: Double, speech: String, start: Double = 0, duration: Double? = nil
  ) throws(HeadError) {
    self.path = path
    let name = path.split(separator: "/").last.map(String.init) ?? path
    let folder = path.contains("/") ? String(path[..<path.lastIndex(of: "/")!]) + "/" : ""
    // ffmpeg takes the format from the ending, so the temporary name keeps it.
    temporaryPath = "\(folder).\(getpid()).\(name)"

    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw .bundle(path: path, problem: String(cString: strerror(errno))) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    var arguments = [
      "ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-f", "mjpeg", "-framerate", "\(fps)", "-i", "pipe:0",
      "-ss", "\(start)",
    ]
    if let duration { arguments += ["-t", "\(duration)"] }
    arguments += [
      "-i", "file:\(speech)", "-map", "0:v", "-map", "1:a", "-c:v", "libx264", "-crf",
      "18", "-preset", "veryfast", "-vf", "scale=trunc(iw/2)*2:trunc(ih/2)*2", "-pix_fmt", "yuv420p", "-c:a", "aac",
      "-shortest", "-movflags", "+faststart", "file:\(temporaryPath)",
    ]
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO)
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO)
    process = 0
    var list: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    let status = posix_spawnp(&process, "ffmpeg", &actions, nil, &list, environ)
    for pointer in list { free(pointer) }
    close(ends[0])
    guard status == 0 else {
      close(ends[1])
      throw .bundle(path: "ffmpeg", problem: "it cannot be started: \(String(cString: strerror(status)))")
    }
    descriptor = ends[1]
    stream = FrameStream(descriptor: descriptor, name: "ffmpeg")
  }

  deinit {
    guard isOpen else { return }
    kill(process, SIGKILL)
    close(descriptor)
    waitpid(process, nil, 0)
    unlink(temporaryPath)
  }

  public func write(_ jpeg: UnsafeRawBufferPointer, index: Int) throws(MediaError) {
    do {
      try stream.write(jpeg, index: index)
    } catch where error.problem == .closedPipe {
      throw failure
    }
  }

  /// Waits until ffmpeg has written the video, and gives the file its name.
  public func finish() throws(MediaError) {
    guard isOpen else { return }
    isOpen = false
    close(descriptor)
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    guard status == 0, rename(temporaryPath, path) == 0 else {
      unlink(temporaryPath)
      throw failure
    }
  }

  private var failure: MediaError {
    MediaError(path: path, problem: .invalidRequest("ffmpeg could not write the video (see its message above)"))
  }
}
