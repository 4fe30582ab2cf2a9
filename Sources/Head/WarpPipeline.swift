import Media
import Viseme

/// Frames of the family `warp`: articulators heard in the speech warp one portrait.
final class WarpPipeline: FramePipeline {
  let width: Int
  let height: Int
  let clock: FrameClock
  private let tracks: SpeechTracks
  private var controls: WarpControls
  private let render: Invocation
  private let control: UnsafeMutableBufferPointer<Float>
  private let rendered: UnsafeBufferPointer<Float>
  private let paste: PasteBack
  private let canvas: UnsafeMutableBufferPointer<UInt8>
  private let pool: ThreadPool
  private var index = 0

  init(
    _ bundle: Bundle, _ manifest: WarpManifest, portrait: Portrait, speech: AudioReader, gain: Double, fps: Double,
    seed: UInt64, pool: ThreadPool, options: ModelOptions
  ) throws(HeadError) {
    guard let trackManifest = bundle.manifest.audio.tracks, let landmarks = portrait.landmarks else {
      throw .bundle(path: bundle.folder, problem: "a warp head needs an audio graph and the portrait's landmarks")
    }
    self.pool = pool
    clock = FrameClock(fps: fps, sampleRate: speech.sampleRate)
    let image = portrait.image
    width = image.width
    height = image.height

    let audioPath = try bundle.path(trackManifest.graph)
    tracks = try SpeechTracks(
      reader: speech, profile: try bundle.melProfile(), gain: gain, tracks: trackManifest, smooth: manifest.smooth,
      model: try reporting { try Model(path: audioPath, options: options) }, pool: pool,
      articulators: manifest.articulators.count, path: audioPath)
    controls = WarpControls(manifest: manifest, hop: trackManifest.hop, tracks: tracks, seed: seed)

    let side = manifest.crop.side(landmarks)
    let map = manifest.crop.map(landmarks, side: Double(side))
    let renderPath = try bundle.path(manifest.render)
    let renderModel = try reporting { try Model(path: renderPath, options: options) }
    let prepared = try Self.prepare(bundle, manifest, landmarks, options: options, pool: pool)
    var shapes = prepared.mapValues(\.shape)
    shapes["image"] = [1, 3, side, side]
    shapes["control"] = [1, controls.count]
    let render = try reporting { try Session(renderModel, pool: pool).invocation(shapes) }
    for (name, _) in renderModel.inputs where name != "image" && name != "control" {
      guard let tensor = prepared[name] else {
        throw .bundle(path: renderPath, problem: "its input “\(name)” is not an output of \(manifest.prepare)")
      }
      let input = try reporting { try render.input(name) }
      _ = input.update(fromContentsOf: tensor.elements(as: Float.self))
    }
    let crop = try reporting { try render.input("image") }
    try reporting {
      try CropSampler(map: map, width: side, height: side, pool: pool.pointer).sample(image, into: crop)
    }
    control = try reporting { try render.input("control") }
    rendered = try reporting { try render.output("frame") }
    guard try reporting({ try render.outputShape("frame") }) == [1, 3, side, side] else {
      throw .bundle(path: renderPath, problem: "its output “frame” is not of the shape [1,3,\(side),\(side)]")
    }
    self.render = render
    paste = try reporting {
      try PasteBack(
        portrait: image, map: map, side: side, border: side / manifest.crop.feather, pool: pool.pointer)
    }
    canvas = .allocate(capacity: width * height * 3)
    _ = canvas.initialize(fromContentsOf: image.pixels)
  }

  deinit { canvas.deallocate() }

  /// What the head computes once for a portrait.
  private static func prepare(
    _ bundle: Bundle, _ manifest: WarpManifest, _ landmarks: Landmarks, options: ModelOptions, pool: ThreadPool
  ) throws(HeadError) -> [String: Tensor] {
    let path = try bundle.path(manifest.prepare)
    let prepared = try reporting {
      let model = try Model(path: path, options: options)
      let points = Tensor(manifest.crop.inUnitCrop(landmarks), shape: [Landmarks.count, 3])
      return try Session(model, pool: pool).run(["landmarks": points])
    }
    for (name, tensor) in prepared where tensor.dataType != .float32 {
      throw .bundle(path: path, problem: "its output “\(name)” holds \(tensor.dataType), not float elements")
    }
    return prepared
  }

  var invocations: [(name: String, invocation: Invocation)] { [("render", render), ("audio", tracks.invocation)] }

  func next() throws(HeadError) -> UnsafeBufferPointer<UInt8>? {
    try tracks.read(toSample: clock.samplesNeeded(for: index))
    guard index == 0 || index < clock.frameCount(of: tracks.sampleCount) else { return nil }
    try controls.write(at: clock.time(of: index), into: control)
    try reporting { try render.run() }
    paste.apply(rendered, to: canvas)
    index += 1
    return UnsafeBufferPointer(canvas)
  }
}
