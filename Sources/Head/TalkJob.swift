import Media
import Viseme

/// What to make: the speech, the portrait, the head, and how frames are timed.
public struct TalkRequest: Sendable {
  /// The head's folder; nil for the bundled head `default`.
  public var head: String?
  /// A JPEG or PNG file, or for heads that play portrait frames a folder of them; nil for the bundled portrait.
  public var portrait: String?
  /// The portrait's landmarks; nil to find them with the face models.
  public var landmarks: String?
  /// A speech file; nil for the bundled speech.
  public var speech: String?
  /// Frames per second; nil for the head's own.
  public var fps: Double?
  /// Seconds of speech to leave out at the beginning, and to use at most.
  public var start = 0.0
  public var duration: Double?
  /// Seeds blinks and head movement.
  public var seed: UInt64 = 0
  public var threads = 1
  /// Runs the networks by their scalar references.
  public var isReference = false
  public var memoryLimit: Int?

  public init() {}
}

/// One talk: opens everything at once, then gives frame after frame.
public final class TalkJob {
  public let bundle: Bundle
  /// The files in use.
  public let speechPath: String
  public let portraitPath: String
  public let fps: Double
  /// Seconds of speech, when the file says how long it is.
  public let duration: Double?
  /// How many frames there will be, when the speech file says how long it is.
  public let expectedFrameCount: Int?
  private let pipeline: any FramePipeline

  /// Opens the head, the portrait and the speech.
  public init(_ request: TalkRequest) throws(HeadError) {
    let folder: String
    if let head = request.head { folder = head } else { folder = try HeadLocator.find("default") }
    bundle = try Bundle(folder: folder)
    fps = request.fps ?? bundle.manifest.fps
    guard fps.isFinite, (1...240).contains(fps) else {
      throw .bundle(path: folder, problem: "\(fps) frames per second are outside 1 … 240")
    }
    if let path = request.speech {
      speechPath = path
    } else if let name = bundle.manifest.speech {
      speechPath = try bundle.path(name)
    } else {
      throw .bundle(path: folder, problem: "this head brings no speech of its own; give one with --speech")
    }
    let profile = try bundle.melProfile()
    let speech = try Self.open(speechPath, profile, request)
    let gain = try Self.gain(of: speech, bundle.manifest.audio)

    let pool = ThreadPool(threads: request.threads)
    let options = ModelOptions(
      threads: request.threads, isReference: request.isReference, memoryLimit: request.memoryLimit)
    switch bundle.manifest.family {
    case .warp(let manifest):
      let (path, portrait) = try Self.portrait(bundle, request, options: options, pool: pool)
      portraitPath = path
      pipeline = try WarpPipeline(
        bundle, manifest, portrait: portrait, speech: speech, gain: gain, fps: fps, seed: request.seed, pool: pool,
        options: options)
    case .gan(let manifest):
      let frames = try PortraitFrames(bundle, request)
      portraitPath = frames.path
      pipeline = try GANPipeline(
        bundle, manifest, frames: frames, speech: speech, gain: gain, fps: fps, pool: pool, options: options)
    }
    let clock = FrameClock(fps: fps, sampleRate: speech.sampleRate)
    duration = speech.sampleCount.map { Double($0) / Double(speech.sampleRate) }
    expectedFrameCount = speech.sampleCount.map(clock.frameCount(of:))
  }

  private static func open(
    _ path: String, _ profile: MelProfile, _ request: TalkRequest
  ) throws(HeadError) -> AudioReader {
    try reporting {
      try AudioReader(path: path, sampleRate: profile.sampleRate, start: request.start, duration: request.duration)
    }
  }

  /// What samples are multiplied by so that the speech is as loud as the head expects.
  private static func gain(of speech: AudioReader, _ audio: AudioManifest) throws(HeadError) -> Double {
    guard let level = audio.level else { return 1 }
    return try reporting { try speech.measureGain(rms: level.rms, active: level.active) }
  }

  private static func portrait(
    _ bundle: Bundle, _ request: TalkRequest, options: ModelOptions, pool: ThreadPool
  ) throws(HeadError) -> (path: String, portrait: Portrait) {
    guard let path = request.portrait else {
      guard let own = bundle.manifest.portrait else {
        throw .bundle(path: bundle.folder, problem: "this head brings no portrait of its own; give one with --portrait")
      }
      let path = try bundle.path(own.image)
      let image = try reporting { try ImageFile.read(path) }
      let landmarksPath: String
      if let given = request.landmarks { landmarksPath = given } else { landmarksPath = try bundle.path(own.landmarks) }
      return (path, Portrait(
        image: image, landmarks: try Landmarks(path: landmarksPath, width: image.width, height: image.height)))
    }
    let image = try reporting { try ImageFile.read(path) }
    if let given = request.landmarks {
      return (path, Portrait(image: image, landmarks: try Landmarks(path: given, width: image.width, height: image.height)))
    }
    let landmarks = try FaceModels(options: options, pool: pool).landmarks(in: image, path: path)
    return (path, Portrait(image: image, landmarks: landmarks))
  }

  /// The networks that run while frames are made, by name; for profiles.
  public var invocations: [(name: String, invocation: Invocation)] { pipeline.invocations }

  public var width: Int { pipeline.width }
  public var height: Int { pipeline.height }

  /// The next frame, RGB rows of `width` pixels, valid until the next call; nil after the last.
  public func nextFrame() throws(HeadError) -> UnsafeBufferPointer<UInt8>? { try pipeline.next() }
}

extension Bundle {
  func melProfile() throws(HeadError) -> MelProfile {
    guard let profile = MelProfile.named(manifest.audio.profile) else {
      throw .bundle(
        path: "\(folder)/head.json",
        problem: "“audio.profile” is “\(manifest.audio.profile)”; known are \(MelProfile.all.map(\.name).joined(separator: ", "))")
    }
    return profile
  }
}
