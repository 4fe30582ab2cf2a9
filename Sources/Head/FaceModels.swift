import Glibc
import Media
import Viseme

/// Finds the face in a picture and its 468 landmarks, by the two networks of `Graphs/face` (BlazeFace and FaceMesh).
public final class FaceModels {
  private let detector: Invocation
  private let landmarker: Invocation
  private let pool: ThreadPool
  private let folder: String

  /// Looks for `face/detect.onnx` and `face/landmark.onnx` in the folders that hold heads.
  public convenience init(options: ModelOptions = ModelOptions(), pool: ThreadPool) throws(HeadError) {
    let folders = HeadLocator.searchPath.map { "\($0)/face" }
    for folder in folders where FileBytes.exists("\(folder)/detect.onnx") && FileBytes.exists("\(folder)/landmark.onnx") {
      try self.init(folder: folder, options: options, pool: pool)
      return
    }
    throw .faceModelsMissing(searched: folders)
  }

  public init(folder: String, options: ModelOptions, pool: ThreadPool) throws(HeadError) {
    self.pool = pool
    self.folder = folder
    detector = try reporting {
      try Session(Model(path: "\(folder)/detect.onnx", options: options), pool: pool).invocation(["image": [1, 3, 128, 128]])
    }
    landmarker = try reporting {
      try Session(Model(path: "\(folder)/landmark.onnx", options: options), pool: pool).invocation(["face": [1, 3, 192, 192]])
    }
  }

  /// A square around a face: its middle, side and the angle of the line through the eyes, in pixels and radians.
  struct Region {
    var x, y, side, angle: Double
    var score: Double
    /// The box itself, before it is widened for the landmark network.
    var box: (left: Double, top: Double, right: Double, bottom: Double)
  }

  /// Faces scored above this are faces.
  private static let threshold = 0.5
  private static let anchors: [(x: Double, y: Double)] = {
    var anchors: [(x: Double, y: Double)] = []
    for (cells, repeats) in [(16, 2), (8, 6)] {
      for y in 0..<cells {
        for x in 0..<cells {
          let anchor = (x: (Double(x) + 0.5) / Double(cells), y: (Double(y) + 0.5) / Double(cells))
          anchors += [(x: Double, y: Double)](repeating: anchor, count: repeats)
        }
      }
    }
    return anchors
  }()

  /// The landmarks of the one face in `image`.
  public func landmarks(in image: ImageRGB8, path: String) throws(HeadError) -> Landmarks {
    let face = try self.face(in: image, path: path)
    var region = face
    var points: [Landmarks.Point] = []
    // The second pass looks at the region that the first pass' landmarks fill.
    for _ in 0..<2 {
      points = try mesh(in: image, region)
      region = Self.region(around: points, score: region.score)
    }
    let presence = try reporting { try landmarker.output("presence") }
    guard presence.first.map({ Self.sigmoid(Double($0)) > Self.threshold }) ?? false else {
      throw .portrait(path: path, problem: "its face is turned away or covered: no landmarks were found on it")
    }
    return Landmarks(points: points)
  }

  /// The one face of a picture.
  func face(in image: ImageRGB8, path: String) throws(HeadError) -> Region {
    let faces = try faces(in: image)
    guard let best = faces.first else {
      throw .portrait(path: path, problem: "no face was found; the picture should show one face from the front")
    }
    let rivals = faces.dropFirst().filter { $0.side > 0.5 * best.side }
    guard rivals.isEmpty else {
      throw .portrait(
        path: path, problem: "\(rivals.count + 1) faces were found; crop the picture to the one that should speak")
    }
    return best
  }

  /// All faces of a picture, the best first.
  private func faces(in image: ImageRGB8) throws(HeadError) -> [Region] {
    let side = Double(max(image.width, image.height))
    let scale = 128 / side
    let map = Affine2x3(
      xx: scale, xy: 0, x0: (128 - Double(image.width) * scale) / 2, yx: 0, yy: scale,
      y0: (128 - Double(image.height) * scale) / 2)
    let input = try reporting { try detector.input("image") }
    try reporting {
      try CropSampler(
        map: map, width: 128, height: 128, filter: .linear, border: .zero, range: -1...1, pool: pool.pointer
      ).sample(image, into: input)
      try detector.run()
    }
    let regressors = try reporting { try detector.output("regressors") }
    let scores = try reporting { try detector.output("scores") }
    guard scores.count >= Self.anchors.count, regressors.count >= Self.anchors.count * 16 else {
      throw .bundle(path: "\(folder)/detect.onnx", problem: "“scores” or “regressors” have too few numbers")
    }

    let back = map.inverse ?? .identity
    var found: [Region] = []
    for (index, anchor) in Self.anchors.enumerated() {
      let score = Self.sigmoid(Double(scores[index]))
      guard score > Self.threshold else { continue }
      func value(_ offset: Int) -> Double { Double(regressors[index * 16 + offset]) / 128 }
      func point(_ offset: Int) -> SIMD2<Double> {
        back(SIMD2(anchor.x + value(offset), anchor.y + value(offset + 1)) * 128)
      }
      let middle = point(0), left = point(4), right = point(6)
      let width = value(2) * side, height = value(3) * side
      found.append(
        Region(
          x: middle.x, y: middle.y, side: 1.5 * max(width, height), angle: atan2(right.y - left.y, right.x - left.x),
          score: score,
          box: (middle.x - width / 2, middle.y - height / 2, middle.x + width / 2, middle.y + height / 2)))
    }
    return Self.withoutOverlaps(found.sorted { $0.score > $1.score })
  }

  /// Keeps the best of regions that cover each other by more than 0.3 of their union.
  private static func withoutOverlaps(_ regions: [Region]) -> [Region] {
    var kept: [Region] = []
    for region in regions where !kept.contains(where: { overlap($0.box, region.box) > 0.3 }) { kept.append(region) }
    return kept
  }

  private typealias Box = (left: Double, top: Double, right: Double, bottom: Double)

  private static func overlap(_ a: Box, _ b: Box) -> Double {
    let width = min(a.right, b.right) - max(a.left, b.left), height = min(a.bottom, b.bottom) - max(a.top, b.top)
    guard width > 0, height > 0 else { return 0 }
    let union = (a.right - a.left) * (a.bottom - a.top) + (b.right - b.left) * (b.bottom - b.top) - width * height
    return width * height / max(union, 1e-9)
  }

  /// Runs the landmark network on a region.
  private func mesh(in image: ImageRGB8, _ region: Region) throws(HeadError) -> [Landmarks.Point] {
    let scale = 192 / max(region.side, 1)
    let c = cos(region.angle) * scale, s = sin(region.angle) * scale
    let map = Affine2x3(
      xx: c, xy: s, x0: 96 - (c * region.x + s * region.y), yx: -s, yy: c,
      y0: 96 - (-s * region.x + c * region.y))
    let input = try reporting { try landmarker.input("face") }
    try reporting {
      try CropSampler(map: map, width: 192, height: 192, filter: .linear, pool: pool.pointer).sample(image, into: input)
      try landmarker.run()
    }
    let output = try reporting { try landmarker.output("landmarks") }
    guard output.count >= Landmarks.count * 3 else {
      throw .bundle(path: "\(folder)/landmark.onnx", problem: "its output “landmarks” has too few numbers")
    }
    let back = map.inverse ?? .identity
    return (0..<Landmarks.count).map { index in
      let place = back(SIMD2(Double(output[index * 3]), Double(output[index * 3 + 1])))
      return Landmarks.Point(x: place.x, y: place.y, z: Double(output[index * 3 + 2]) / scale)
    }
  }

  /// The region that a face's landmarks fill, level along its eyes.
  private static func region(around points: [Landmarks.Point], score: Double) -> Region {
    let left = points[33], right = points[263]
    let angle = atan2(right.y - left.y, right.x - left.x)
    let c = cos(angle), s = sin(angle)
    let xs = points.map { $0.x * c + $0.y * s }, ys = points.map { -$0.x * s + $0.y * c }
    let x = (xs.min()! + xs.max()!) / 2, y = (ys.min()! + ys.max()!) / 2
    let side = 1.5 * max(xs.max()! - xs.min()!, ys.max()! - ys.min()!)
    return Region(x: x * c - y * s, y: x * s + y * c, side: side, angle: angle, score: score, box: (0, 0, 0, 0))
  }

  private static func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
}
