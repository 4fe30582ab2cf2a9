internal import CMedia
import Glibc

/// Frames one after another on a file descriptor: an MJPEG stream, as other programs read it from a pipe.
public final class FrameStream: FrameSink {
  private let descriptor: Int32
  private let name: String

  /// The descriptor stays the caller's and is not closed.
  public init(descriptor: Int32 = STDOUT_FILENO, name: String = "standard output") {
    self.descriptor = descriptor
    self.name = name
  }

  /// Waits until all of the frame is taken. A reader that has gone is `.closedPipe`; it raises no signal.
  public func write(_ jpeg: UnsafeRawBufferPointer, index: Int) throws(MediaError) {
    let number = cm_write_all(descriptor, jpeg.baseAddress, jpeg.count)
    guard number != 0 else { return }
    throw MediaError(path: name, problem: number == EPIPE ? .closedPipe : .cannotWrite(errno: number))
  }

  public func finish() throws(MediaError) {}
}
