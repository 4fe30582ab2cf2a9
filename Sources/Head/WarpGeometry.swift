import Media

extension WarpManifest.Crop {
  /// The map from the portrait to a crop of side `side`, level along the eyes.
  func map(_ landmarks: Landmarks, side: Double) -> Affine2x3 {
    let left = landmarks.middle(Landmarks.leftEye), right = landmarks.middle(Landmarks.rightEye)
    let mouth = landmarks.middle(Landmarks.mouth)
    let eyes = (x: (left.x + right.x) / 2, y: (left.y + right.y) / 2)
    let length = Swift.max(((right.x - left.x) * (right.x - left.x) + (right.y - left.y) * (right.y - left.y)).squareRoot(), 1e-9)
    let x = (x: (right.x - left.x) / length, y: (right.y - left.y) / length)
    let y = (x: -x.y, y: x.x)
    let distance = Swift.max(abs((mouth.x - eyes.x) * y.x + (mouth.y - eyes.y) * y.y), 0.001)
    let scale = side / unit * eyeMouth / distance
    let centre = (x: (eyes.x + mouth.x) / 2, y: (eyes.y + mouth.y) / 2)
    let target = (x: self.mouth.x * side / unit, y: (self.mouth.y - eyeMouth / 2) * side / unit)
    return Affine2x3(
      xx: x.x * scale, xy: x.y * scale, x0: target.x - scale * (x.x * centre.x + x.y * centre.y),
      yx: y.x * scale, yy: y.y * scale, y0: target.y - scale * (y.x * centre.x + y.y * centre.y))
  }

  /// The side at which a crop shows the portrait about pixel by pixel.
  func side(_ landmarks: Landmarks) -> Int {
    let natural = unit / map(landmarks, side: unit).scale
    let steps = (natural / Double(multiple) + 0.5).rounded(.down)
    return Int(Swift.min(Swift.max(steps * Double(multiple), Double(self.min)), Double(self.max)))
  }

  /// The landmarks in pixels of the `unit`-sized crop, `[468, 3]`, depth scaled alike.
  func inUnitCrop(_ landmarks: Landmarks) -> [Float] {
    let map = self.map(landmarks, side: unit)
    return landmarks.points.flatMap { point -> [Float] in
      let place = map(SIMD2(point.x, point.y))
      return [Float(place.x), Float(place.y), Float(point.z * map.scale)]
    }
  }
}
