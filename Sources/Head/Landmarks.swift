/// The 468 points of a face in the FaceMesh topology, in pixels of the upright picture; z grows away from the viewer.
public struct Landmarks: Sendable {
  public struct Point: Sendable, Hashable {
    public var x, y, z: Double
    public init(x: Double, y: Double, z: Double = 0) {
      self.x = x
      self.y = y
      self.z = z
    }
  }

  public static let count = 468
  public private(set) var points: [Point]

  /// - Precondition: there are 468 points.
  public init(points: [Point]) {
    precondition(points.count == Self.count)
    self.points = points
  }

  public subscript(index: Int) -> Point { points[index] }

  /// Reads a `.landmarks.json`: `{"width": w, "height": h, "points": [[x, y, z], …]}`.
  ///
  /// - Parameter width, height: the size of the picture the points belong to; a file made for another size is refused.
  public init(path: String, width: Int, height: Int) throws(HeadError) {
    var reader = try JSONReader(try JSONValue.read(path), path: path)
    let ownWidth = try reader.int("width", in: 1...16_384), ownHeight = try reader.int("height", in: 1...16_384)
    guard ownWidth == width, ownHeight == height else {
      throw .bundle(
        path: path, problem: "its points are for a picture of \(ownWidth) × \(ownHeight), not \(width) × \(height)")
    }
    var points: [Point] = []
    for element in try reader.array("points", count: Self.count...Self.count) {
      guard case .array(let numbers) = element, numbers.count == 3, case .number(let x) = numbers[0],
        case .number(let y) = numbers[1], case .number(let z) = numbers[2], [x, y, z].allSatisfy({ abs($0) < 1e6 })
      else { throw reader.problem("points", "must hold \(Self.count) lists of three numbers") }
      points.append(Point(x: x, y: y, z: z))
    }
    try reader.finish()
    self.points = points
    let left = middle(Self.leftEye), right = middle(Self.rightEye)
    guard abs(right.x - left.x) + abs(right.y - left.y) >= 1 else {
      throw .bundle(path: path, problem: "its points show no face: both eyes are in the same place")
    }
  }

  /// The corners of the eyes and of the mouth.
  static let leftEye = (33, 133), rightEye = (362, 263), mouth = (61, 291)

  func middle(_ pair: (Int, Int)) -> (x: Double, y: Double) {
    ((points[pair.0].x + points[pair.1].x) / 2, (points[pair.0].y + points[pair.1].y) / 2)
  }
}
