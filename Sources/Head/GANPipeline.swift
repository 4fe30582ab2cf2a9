import Media
import Viseme

/// Frames of the family `gan`: a network paints the lower half of the face for a window of mel columns.
final class GANPipeline: FramePipeline {
  let width: Int
  let height: Int
  private let manifest: GANManifest
  private let clock: FrameClock
  private let frames: PortraitFrames
  private let boxes: [FaceBox]
  private let windows: MelWindows
  private let generator: Invocation
  private let audioInput: UnsafeMutableBufferPointer<Float>
  private let faceInput: UnsafeMutableBufferPointer<Float>
  private let output: UnsafeBufferPointer<Float>
  private let pool: ThreadPool
  private let batch: Int
  private let canvas: UnsafeMutableBufferPointer<UInt8>
  private var sampler: FaceSampler
  private var index = 0
  /// Frames that the last run of the generator computed, and how many of them are still to be shown.
  private var batchStart = 0
  private var batchCount = 0

  init(
    _ bundle: Bundle, _ manifest: GANManifest, frames: PortraitFrames, speech: AudioReader, gain: Double, fps: Double,
    pool: ThreadPool, options: ModelOptions
  ) throws(HeadError) {
    self.manifest = manifest
    self.frames = frames
    self.pool = pool
    width = frames.width
    height = frames.height
    clock = FrameClock(fps: fps, sampleRate: speech.sampleRate)
    let profile = try bundle.melProfile()
    windows = MelWindows(reader: speech, profile: profile, gain: gain, width: manifest.window)
    boxes = try Self.boxes(frames, manifest, options: options, pool: pool)
    sampler = FaceSampler(manifest)

    let batch = manifest.batch, size = manifest.size
    self.batch = batch
    let path = try bundle.path(manifest.generator)
    let generator = try reporting {
      try Session(Model(path: path, options: options), pool: pool).invocation([
        manifest.audioInput: [batch, 1, profile.bandCount, manifest.window],
        manifest.faceInput: [batch, 6, size, size],
      ])
    }
    audioInput = try reporting { try generator.input(manifest.audioInput) }
    faceInput = try reporting { try generator.input(manifest.faceInput) }
    output = try reporting { try generator.output(manifest.output) }
    let shape = try reporting { try generator.outputShape(manifest.output) }
    guard shape == [batch, 3, size, size] else {
      throw .bundle(path: path, problem: "it gives the shape \(shape), not [\(batch),3,\(size),\(size)]")
    }
    self.generator = generator
    canvas = .allocate(capacity: width * height * 3)
    canvas.initialize(repeating: 0)
  }

  deinit { canvas.deallocate() }

  private static func boxes(
    _ frames: PortraitFrames, _ manifest: GANManifest, options: ModelOptions, pool: ThreadPool
  ) throws(HeadError) -> [FaceBox] {
    var found: [(top: Double, bottom: Double, left: Double, right: Double)] = []
    if let landmarks = frames.landmarks {
      let xs = landmarks.points.map(\.x), ys = landmarks.points.map(\.y)
      found.append((ys.min()!, ys.max()!, xs.min()!, xs.max()!))
    } else {
      let models = try FaceModels(options: options, pool: pool)
      for index in 0..<frames.count {
        let face = try models.face(in: try frames.image(index), path: frames.file(index))
        found.append((face.box.top, face.box.bottom, face.box.left, face.box.right))
      }
    }
    let boxes = FaceBox.smoothed(
      found, pads: manifest.pads, smooth: manifest.smooth, width: frames.width, height: frames.height)
    for (index, box) in boxes.enumerated() where box.width < 8 || box.height < 8 {
      throw .portrait(path: frames.file(index), problem: "its face is smaller than 8 pixels")
    }
    return boxes
  }

  var invocations: [(name: String, invocation: Invocation)] { [("generator", generator)] }

  func next() throws(HeadError) -> UnsafeBufferPointer<UInt8>? {
    guard try exists(index) else { return nil }
    if index >= batchStart + batchCount { try generate() }
    let picture = frames.index(forFrame: index)
    let image = try frames.image(picture)
    _ = canvas.update(fromContentsOf: image.pixels)
    let size = manifest.size
    let result = UnsafeBufferPointer(rebasing: output[((index - batchStart) * 3 * size * size)...].prefix(3 * size * size))
    sampler.paste(result, into: canvas, pictureWidth: width, box: boxes[picture])
    index += 1
    return UnsafeBufferPointer(canvas)
  }

  private func exists(_ frame: Int) throws(HeadError) -> Bool {
    try windows.read(toSample: clock.samplesNeeded(for: frame))
    return frame == 0 || frame < clock.frameCount(of: windows.sampleCount)
  }

  /// Runs the generator for as many of the next frames as a batch holds.
  private func generate() throws(HeadError) {
    batchStart = index
    batchCount = 0
    let audioCount = audioInput.count / batch, faceCount = faceInput.count / batch
    while batchCount < batch, try exists(batchStart + batchCount) {
      let frame = batchStart + batchCount
      try windows.write(
        from: Int((Double(frame) * 80 / clock.fps).rounded(.down)),
        into: UnsafeMutableBufferPointer(rebasing: audioInput[(batchCount * audioCount)...].prefix(audioCount)))
      let picture = frames.index(forFrame: frame)
      sampler.sample(
        try frames.image(picture), boxes[picture],
        into: UnsafeMutableBufferPointer(rebasing: faceInput[(batchCount * faceCount)...].prefix(faceCount)))
      batchCount += 1
    }
    try reporting { try generator.run() }
  }
}
