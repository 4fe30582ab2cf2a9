internal import CKernels

/// Puts rendered face crops back into a portrait, frame after frame, under a soft-edged mask.
///
/// The mask is 1 inside a border of `border` pixels of the crop and 0 outside, blurred by a Gaussian of σ = border/2.2,
/// and 0 beyond the crop. A pixel becomes round(portrait + mask · (frame − portrait)), the frame being read by the Keys
/// kernel (a = −0.75) with repeated borders; when the map enlarges the portrait (scale s > 1), the frame is first blurred by a
/// Gaussian of σ = ½ √(s² − 1). Everything that does not depend on the frame is done in `init`; `apply` allocates nothing. One
/// object serves one thread at a time.
public final class PasteBack {
  public let portrait: ImageRGB8
  /// From the portrait to the crop.
  public let map: Affine2x3
  /// Of the square frames, in pixels.
  public let side: Int
  /// The only pixels that `apply` touches: columns × rows of the portrait, empty if the crop lies outside it.
  public let columns, rows: Range<Int>

  private let mask: [Float]
  private let spans: [UInt32]
  private let blur: GaussianWeights?
  private let scratch: Scratch

  /// - Parameters:
  ///   - border: pixels of the crop over which it fades, 0 … side/2; 0 is a hard edge.
  ///   - pool: a `vz_pool` to run on; it stays the caller's and must outlive the object.
  public init(
    portrait: ImageRGB8, map: Affine2x3, side: Int, border: Int, pool: OpaquePointer? = nil
  ) throws(MediaError) {
    func refuse(_ reason: String) -> MediaError { MediaError(path: "paste-back", problem: .invalidRequest(reason)) }
    guard let back = map.inverse else { throw refuse("the map of the crop has no inverse") }
    guard (1...8192).contains(side) else { throw refuse("a crop of \(side) pixels a side") }
    guard (0...side / 2).contains(border) else { throw refuse("a border of \(border) pixels in a crop of \(side)") }
    self.portrait = portrait
    self.map = map
    self.side = side
    (columns, rows) = Self.box(back, side: Double(side), width: portrait.width, height: portrait.height)
    (mask, spans) = Self.mask(map, profile: Self.profile(side: side, border: border), columns, rows)
    blur = GaussianWeights(shrinkingTo: 1 / map.scale, largestRadius: 2 * side)
    scratch = Scratch(pool: pool)
    withPaste { paste in scratch.run(byteCount: vz_paste_scratch_bytes(paste, scratch.threadCount)) { _ in } }
  }

  /// Rewrites the box of `rgb` [portrait height, portrait width, 3], which starts as a copy of `portrait.pixels`.
  ///
  /// - Parameter frame: planar [3, side, side], 0 … 1.
  public func apply(_ frame: UnsafeBufferPointer<Float>, to rgb: UnsafeMutableBufferPointer<UInt8>) {
    precondition(frame.count == 3 * side * side, "a frame of another size")
    precondition(rgb.count == portrait.pixels.count, "a picture of another size")
    guard !columns.isEmpty, !rows.isEmpty else { return }
    withPaste { paste in
      scratch.run(byteCount: vz_paste_scratch_bytes(paste, scratch.threadCount)) { exec in
        vz_paste_run(exec, paste, frame.baseAddress, rgb.baseAddress)
      }
    }
  }

  private func withPaste(_ body: (UnsafePointer<vz_paste>) -> Void) {
    mask.withUnsafeBufferPointer { mask in
      spans.withUnsafeBufferPointer { spans in
        portrait.pixels.withUnsafeBufferPointer { pixels in
          var paste = vz_paste(
            side: side, left: columns.lowerBound, top: rows.lowerBound, width: columns.count, height: rows.count,
            map: map.forKernels, mask: mask.baseAddress, spans: spans.baseAddress, blur_radius: 0, blur: nil,
            portrait: pixels.baseAddress, picture_width: portrait.width)
          guard let blur else { return body(&paste) }
          blur.values.withUnsafeBufferPointer { weights in
            paste.blur_radius = blur.radius
            paste.blur = weights.baseAddress
            body(&paste)
          }
        }
      }
    }
  }

  /// Where the crop, and the pixel around it over which its mask falls to 0, can lie.
  private static func box(_ back: Affine2x3, side: Double, width: Int, height: Int) -> (Range<Int>, Range<Int>) {
    let corners = [SIMD2(-1, -1), SIMD2(side, -1), SIMD2(-1, side), SIMD2(side, side)].map { back($0) }
    func range(_ values: [Double], _ limit: Int) -> Range<Int> {
      let low = min(max(values.min()!.rounded(.down), 0), Double(limit))
      let high = min(max(values.max()!.rounded(.up) + 1, low), Double(limit))
      return Int(low)..<Int(high)
    }
    return (range(corners.map(\.x), width), range(corners.map(\.y), height))
  }

  /// The mask along one axis: it is the product of two of these.
  private static func profile(side: Int, border: Int) -> [Double] {
    let hard = (0..<side).map { $0 >= border && $0 < side - border ? 1.0 : 0 }
    guard border > 0 else { return hard }
    let gauss = GaussianWeights(sigma: Double(border) / 2.2)
    return (0..<side).map { at in
      var sum = 0.0
      for g in -gauss.radius...gauss.radius {
        sum += Double(gauss.values[g + gauss.radius]) * hard[min(max(at + g, 0), side - 1)]
      }
      return sum
    }
  }

  /// Below this a mask cannot change a byte.
  private static let invisible = 1.0 / 1024

  private static func mask(
    _ map: Affine2x3, profile: [Double], _ columns: Range<Int>, _ rows: Range<Int>
  ) -> (mask: [Float], spans: [UInt32]) {
    func read(_ at: Double) -> Double {
      guard at > -1, at < Double(profile.count) else { return 0 }
      let low = Int(at.rounded(.down))
      let part = at - Double(low)
      let before = low >= 0 ? profile[low] : 0
      let after = low + 1 < profile.count ? profile[low + 1] : 0
      return before * (1 - part) + after * part
    }
    var mask = [Float](repeating: 0, count: columns.count * rows.count)
    var spans = [UInt32](repeating: 0, count: 2 * rows.count)
    for (row, y) in rows.enumerated() {
      for (column, x) in columns.enumerated() {
        let point = map(SIMD2(Double(x), Double(y)))
        let value = read(point.x) * read(point.y)
        guard value > invisible else { continue }
        mask[row * columns.count + column] = Float(value)
        if spans[2 * row + 1] == 0 { spans[2 * row] = UInt32(column) }
        spans[2 * row + 1] = UInt32(column + 1)
      }
    }
    return (mask, spans)
  }
}
