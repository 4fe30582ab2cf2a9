import Foundation
import Media
import Testing

@Suite struct FrameSinkTests {
  let folder = TemporaryFolder()
  let frame: [UInt8] = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 * 7) }

  private func names(_ path: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path).sorted()
  }

  @Test func framesAreNumberedFilesOfANewFolder() throws {
    let path = folder.file("a/b/frames")
    let sink = try FrameDirectory(path: path)
    for index in 0..<3 { try frame.withUnsafeBytes { try sink.write($0, index: index) } }
    try sink.finish()
    #expect(try names(path) == ["frame_000001.jpg", "frame_000002.jpg", "frame_000003.jpg"])
    #expect(bytes(of: path + "/frame_000002.jpg") == frame)
    #expect(FrameDirectory.name(index: 999_999) == "frame_1000000.jpg")
  }

  @Test func anotherRunReplacesFramesAndReportsTheRest() throws {
    let path = folder.file("frames")
    let long = try FrameDirectory(path: path)
    for index in 0..<5 { try frame.withUnsafeBytes { try long.write($0, index: index) } }
    _ = folder.file("frames/frame_000005.txt", [1])
    _ = folder.file("frames/frame_5.jpg", [1])
    let short = try FrameDirectory(path: path + "/")
    for index in 0..<2 { try ([1, 2, 3] as [UInt8]).withUnsafeBytes { try short.write($0, index: index) } }
    #expect(bytes(of: path + "/frame_000001.jpg") == [1, 2, 3])
    #expect(try short.staleFrames() == ["frame_000003.jpg", "frame_000004.jpg", "frame_000005.jpg"])
    #expect(try short.removeStale() == 3 && short.staleFrames() == [])
    #expect(try names(path) == ["frame_000001.jpg", "frame_000002.jpg", "frame_000005.txt", "frame_5.jpg"])
  }

  @Test func aFileCannotBeAFolder() throws {
    let file = folder.file("file", [1])
    expectError(naming: file) { _ = try FrameDirectory(path: file) }
    expectError(naming: file + "/below") { _ = try FrameDirectory(path: file + "/below") }
    expectError(naming: "(no name)") { _ = try FrameDirectory(path: "") }
  }

  @Test func aFullDiskLeavesNoHalfFrame() throws {
    let path = folder.file("frames")
    let sink = try FrameDirectory(path: path)
    try frame.withUnsafeBytes { try sink.write($0, index: 0) }
    // A limit on the size of files fails a write in its middle, as a full disk does. It holds for the whole process, so
    // it is larger than what other tests write.
    let large = [UInt8](repeating: 1, count: 40_000_000)
    signal(SIGXFSZ, SIG_IGN)
    var before = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &before)
    var limit = rlimit(rlim_cur: 30_000_000, rlim_max: before.rlim_max)
    setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
    let problem = expectError(naming: path + "/frame_000002.jpg") { try large.withUnsafeBytes { try sink.write($0, index: 1) } }
    setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &before)
    #expect(problem == .cannotWrite(errno: EFBIG))
    #expect(try names(path) == ["frame_000001.jpg"])
  }

  @Test func aStreamSendsFramesOneAfterAnother() throws {
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    let (read, write) = (ends[0], ends[1])
    // Not blocking, so that writes are short and sometimes not ready.
    _ = fcntl(write, F_SETFL, O_NONBLOCK)
    let frame = frame
    Thread.detachNewThread {
      let sink = FrameStream(descriptor: write, name: "pipe")
      for index in 0..<5 { try! frame.withUnsafeBytes { try sink.write($0, index: index) } }
      try! sink.finish()
      close(write)
    }
    var got: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 3_000)
    while true {
      let count = Glibc.read(read, &block, block.count)
      if count <= 0 { break }
      got += block[..<count]
    }
    close(read)
    #expect(got == frame + frame + frame + frame + frame)
  }

  @Test func aReaderThatGoesAwayIsAnErrorAndNoSignal() throws {
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    close(ends[0])
    defer { close(ends[1]) }
    let sink = FrameStream(descriptor: ends[1], name: "pipe")
    for index in 0..<3 {
      let problem = expectError(naming: "pipe") { try frame.withUnsafeBytes { try sink.write($0, index: index) } }
      #expect(problem == .closedPipe)
    }
  }
}
