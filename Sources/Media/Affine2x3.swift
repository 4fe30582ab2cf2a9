internal import CKernels

/// A map of the plane: (x, y) → (xx·x + xy·y + x0, yx·x + yy·y + y0).
public struct Affine2x3: Hashable, Sendable {
  public var xx, xy, x0: Double
  public var yx, yy, y0: Double

  public init(xx: Double, xy: Double, x0: Double, yx: Double, yy: Double, y0: Double) {
    self.xx = xx
    self.xy = xy
    self.x0 = x0
    self.yx = yx
    self.yy = yy
    self.y0 = y0
  }

  public static let identity = Affine2x3(xx: 1, xy: 0, x0: 0, yx: 0, yy: 1, y0: 0)

  /// Scales by `scale` and turns by `angle` radians (from x towards y), sending `point` to `target`.
  public static func similarity(
    scale: Double, angle: Double, sending point: SIMD2<Double>, to target: SIMD2<Double>
  ) -> Affine2x3 {
    let (c, s) = (scale * cosine(angle), scale * sine(angle))
    return Affine2x3(
      xx: c, xy: -s, x0: target.x - (c * point.x - s * point.y),
      yx: s, yy: c, y0: target.y - (s * point.x + c * point.y))
  }

  public func callAsFunction(_ point: SIMD2<Double>) -> SIMD2<Double> {
    SIMD2(xx * point.x + xy * point.y + x0, yx * point.x + yy * point.y + y0)
  }

  /// Signed ratio of areas.
  public var determinant: Double { xx * yy - xy * yx }

  /// Ratio of lengths, for maps that keep shapes; otherwise the geometric mean over directions.
  public var scale: Double { determinant.magnitude.squareRoot() }

  /// The map back, or nil if this one flattens the plane or is not finite.
  public var inverse: Affine2x3? {
    let determinant = determinant
    let (a, b, c, d) = (yy / determinant, -xy / determinant, -yx / determinant, xx / determinant)
    let result = Affine2x3(xx: a, xy: b, x0: -(a * x0 + b * y0), yx: c, yy: d, y0: -(c * x0 + d * y0))
    let isFinite = result.coefficients.allSatisfy(\.isFinite) && coefficients.allSatisfy(\.isFinite)
    return determinant != 0 && isFinite ? result : nil
  }

  /// First this map, then `next`.
  public func followed(by next: Affine2x3) -> Affine2x3 {
    Affine2x3(
      xx: next.xx * xx + next.xy * yx, xy: next.xx * xy + next.xy * yy, x0: next.xx * x0 + next.xy * y0 + next.x0,
      yx: next.yx * xx + next.yy * yx, yy: next.yx * xy + next.yy * yy, y0: next.yx * x0 + next.yy * y0 + next.y0)
  }

  private var coefficients: [Double] { [xx, xy, x0, yx, yy, y0] }

  var forKernels: vz_affine { vz_affine(xx: xx, xy: xy, x0: x0, yx: yx, yy: yy, y0: y0) }
}
