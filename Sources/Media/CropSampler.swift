internal import CKernels

/// Reads a picture through an affine map into planar floats: a face crop, or the input of a detector.
///
/// When the map shrinks (scale s < 1) the picture is first blurred by a Gaussian of σ = ½ √(1/s² − 1). Below s = 1/32 the picture
/// is halved, by averaging, until it is not. One sampler serves one thread at a time.
public final class CropSampler {
  public enum Filter: Hashable, Sendable {
    case linear
    /// The Keys kernel with a = −0.75.
    case cubic
  }

  public enum Border: Hashable, Sendable {
    /// Outside, the nearest pixel of the picture.
    case repeated
    /// Outside, byte 0.
    case zero
  }

  /// From the picture to the result, pixel centres being whole numbers.
  public let map: Affine2x3
  public let width, height: Int
  public let filter: Filter
  public let border: Border
  /// What bytes 0 and 255 become; results are clipped to it.
  public let range: ClosedRange<Float>
  private let blurs: Bool
  private let back: Affine2x3
  private let scratch: Scratch

  /// - Parameters:
  ///   - blurs: whether to blur when the map shrinks.
  ///   - pool: a `vz_pool` to run on; it stays the caller's and must outlive the sampler.
  public init(
    map: Affine2x3, width: Int, height: Int, filter: Filter = .cubic, border: Border = .repeated,
    range: ClosedRange<Float> = 0...1, blurs: Bool = true, pool: OpaquePointer? = nil
  ) throws(MediaError) {
    func refuse(_ reason: String) -> MediaError { MediaError(path: "crop", problem: .invalidRequest(reason)) }
    guard let back = map.inverse else { throw refuse("the map of the crop has no inverse") }
    guard (1...ImageFile.maximumSide).contains(width), (1...ImageFile.maximumSide).contains(height),
      width * height <= ImageFile.maximumPixelCount
    else { throw MediaError(path: "crop", problem: .dimensions(width: width, height: height)) }
    self.map = map
    self.back = back
    self.width = width
    self.height = height
    self.filter = filter
    self.border = border
    self.range = range
    self.blurs = blurs
    scratch = Scratch(pool: pool)
  }

  /// Fills `planar` [3, height, width] from `image`.
  ///
  /// - Precondition: `planar.count == 3 * width * height`.
  public func sample(_ image: ImageRGB8, into planar: UnsafeMutableBufferPointer<Float>) {
    precondition(planar.count == 3 * width * height, "a crop of another size")
    var scale = map.scale
    var source = image
    var back = back
    while blurs, scale < 1.0 / 32, source.width > 1 || source.height > 1 {
      source = source.halved()
      // Pixel i of the half covers pixels 2 i and 2 i + 1, so its centre is at 2 i + 1/2.
      back = back.followed(by: Affine2x3(xx: 0.5, xy: 0, x0: -0.25, yx: 0, yy: 0.5, y0: -0.25))
      scale *= 2
    }
    let blur = blurs ? GaussianWeights(shrinkingTo: scale, largestRadius: 64) : nil
    source.pixels.withUnsafeBufferPointer { pixels in
      guard let blur else { return run(source, pixels, back, nil, radius: 0, planar) }
      blur.values.withUnsafeBufferPointer { run(source, pixels, back, $0.baseAddress, radius: blur.radius, planar) }
    }
  }

  /// The result as an array [3, height, width].
  public func sample(_ image: ImageRGB8) -> [Float] {
    [Float](unsafeUninitializedCapacity: 3 * width * height) { buffer, count in
      buffer.initialize(repeating: 0)
      sample(image, into: UnsafeMutableBufferPointer(rebasing: buffer[..<(3 * width * height)]))
      count = 3 * width * height
    }
  }

  private func run(
    _ image: ImageRGB8, _ pixels: UnsafeBufferPointer<UInt8>, _ back: Affine2x3, _ blur: UnsafePointer<Float>?,
    radius: Int, _ planar: UnsafeMutableBufferPointer<Float>
  ) {
    var sample = vz_sample(
      width: image.width, height: image.height, rgb: pixels.baseAddress, out_width: width, out_height: height,
      map: back.forKernels, filter: filter == .cubic ? VZ_FILTER_CUBIC : VZ_FILTER_LINEAR,
      border: border == .zero ? VZ_BORDER_ZERO : VZ_BORDER_REPEAT, blur_radius: radius, blur: blur,
      scale: (range.upperBound - range.lowerBound) / 255, offset: range.lowerBound, low: range.lowerBound,
      high: range.upperBound)
    scratch.run(byteCount: vz_sample_scratch_bytes(&sample, scratch.threadCount)) { exec in
      vz_sample_run(exec, &sample, planar.baseAddress)
    }
  }
}

extension ImageRGB8 {
  /// Half the size, each pixel the mean of four; an odd last column or row is repeated.
  func halved() -> ImageRGB8 {
    let (across, down) = ((width + 1) / 2, (height + 1) / 2)
    var result = ImageRGB8(width: across, height: down)
    pixels.withUnsafeBufferPointer { source in
      result.pixels.withUnsafeMutableBufferPointer { target in
        for y in 0..<down {
          let (top, bottom) = (2 * y * width, min(2 * y + 1, height - 1) * width)
          for x in 0..<across {
            let (left, right) = (2 * x, min(2 * x + 1, width - 1))
            for c in 0..<3 {
              let upper = Int(source[3 * (top + left) + c]) + Int(source[3 * (top + right) + c])
              let lower = Int(source[3 * (bottom + left) + c]) + Int(source[3 * (bottom + right) + c])
              target[3 * (y * across + x) + c] = UInt8((upper + lower + 2) / 4)
            }
          }
        }
      }
    }
    return result
  }
}
