import Foundation
import Head
import Testing

/// Runs the bundled head on short speech.
struct TalkTests {
  /// A cheap fingerprint of every frame (FNV-1a).
  private func frames(_ change: (inout TalkRequest) -> Void) throws -> [UInt64] {
    var request = TalkRequest()
    request.head = TestFiles.defaultHead
    change(&request)
    let job = try TalkJob(request)
    var hashes: [UInt64] = []
    while let frame = try job.nextFrame() {
      #expect(frame.count == job.width * job.height * 3)
      hashes.append(frame.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 })
    }
    if let expected = job.expectedFrameCount { #expect(hashes.count == expected) }
    return hashes
  }

  private func withSpeech<Result>(_ seconds: Double, _ body: (String) throws -> Result) throws -> Result {
    try TestFiles.withFolder { folder in
      let path = folder + "/speech.wav"
      try TestFiles.writeWAV(TestFiles.babble(seconds: seconds), to: path)
      return try body(path)
    }
  }

  @Test func theSameRunGivesTheSameFramesWithAnyNumberOfThreads() throws {
    try withSpeech(0.6) { speech in
      let first = try frames { $0.speech = speech }
      #expect(first.count == 15)
      #expect(Set(first).count > 5, "the face moves")
      #expect(try frames { $0.speech = speech } == first)
      let onTwoThreads = try frames {
        $0.speech = speech
        $0.threads = 2
      }
      #expect(onTwoThreads == first)
      let withAnotherSeed = try frames {
        $0.speech = speech
        $0.seed = 7
      }
      #expect(withAnotherSeed != first)
    }
  }

  @Test func framesPerSecondOtherThanTheHeadsOwnWork() throws {
    try withSpeech(0.5) { speech in
      for (fps, count) in [(10.0, 5), (30_000.0 / 1001, 15), (50, 25)] {
        let made = try frames {
          $0.speech = speech
          $0.fps = fps
        }
        #expect(made.count == count, "\(fps) fps")
      }
    }
  }

  @Test func framesAtTheSameMomentAreTheSameAtTwiceTheRate() throws {
    try withSpeech(0.4) { speech in
      let slow = try frames { $0.speech = speech }
      let fast = try frames {
        $0.speech = speech
        $0.fps = 50
      }
      for (index, frame) in slow.enumerated() { #expect(frame == fast[2 * index]) }
    }
  }

  @Test func framesFarApartAreTheSameAsThoseOfAFullTalk() throws {
    try withSpeech(9) { speech in
      let every = try frames { $0.speech = speech }
      let few = try frames {
        $0.speech = speech
        $0.fps = 1
      }
      #expect(few == stride(from: 0, to: every.count, by: 25).map { every[$0] })
    }
  }

  @Test func aPartOfTheSpeechHasAsManyFramesAsItsLength() throws {
    try withSpeech(2) { speech in
      let part = try frames {
        $0.speech = speech
        $0.start = 0.5
        $0.duration = 0.3
      }
      #expect(part.count == 8)
      #expect(throws: HeadError.self) {
        try frames {
          $0.speech = speech
          $0.start = 5
        }
      }
    }
  }

  @Test func brokenInputsAreNamedInOneLine() throws {
    try TestFiles.withFolder { folder in
      try "not sound".write(toFile: folder + "/text.wav", atomically: true, encoding: .utf8)
      try "".write(toFile: folder + "/empty.flac", atomically: true, encoding: .utf8)
      for path in [folder + "/text.wav", folder + "/empty.flac", folder + "/none.wav", folder] {
        do {
          _ = try frames { $0.speech = path }
          Issue.record("\(path) was accepted")
        } catch let error as HeadError {
          #expect(error.description.contains(path))
          #expect(!error.description.contains("\n"))
        }
      }
      let head = try TestFiles.copyHead(to: folder)
      let graph = URL(fileURLWithPath: head + "/render.onnx")
      try Data(try Data(contentsOf: graph).prefix(10_000)).write(to: graph)
      do {
        _ = try frames { $0.head = head }
        Issue.record("a truncated graph was accepted")
      } catch let error as HeadError {
        #expect(error.description.contains("render.onnx"))
      }
    }
  }

  @Test func silenceLeavesTheFaceAtRest() throws {
    try TestFiles.withFolder { folder in
      let path = folder + "/silence.wav"
      try TestFiles.writeWAV([Float](repeating: 0, count: 16_000), to: path)
      let head = try TestFiles.copyHead(to: folder)
      let manifestPath = head + "/head.json"
      var manifest = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: manifestPath))) as! [String: Any]
      var warp = manifest["warp"] as! [String: Any]
      warp["yaw"] = [[Double]]()
      warp["pitch"] = [[Double]]()
      manifest["warp"] = warp
      try JSONSerialization.data(withJSONObject: manifest).write(to: URL(fileURLWithPath: manifestPath))
      let hashes = try frames {
        $0.head = head
        $0.speech = path
        $0.duration = 0.9
      }
      #expect(Set(hashes).count == 1, "without sound, and before the first blink, nothing moves")
    }
  }
}
