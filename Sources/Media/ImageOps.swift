internal import CKernels

/// Whole-picture operations.
public enum ImageOps {
  /// `image` at another size: every result pixel is the triangle-weighted mean of what it covers, which is linear
  /// interpolation when enlarging.
  ///
  /// - Precondition: both sides are 1 … `ImageFile.maximumSide`.
  public static func resize(_ image: ImageRGB8, width: Int, height: Int) -> ImageRGB8 {
    var result = ImageRGB8(width: width, height: height)
    image.pixels.withUnsafeBufferPointer { source in
      result.pixels.withUnsafeMutableBufferPointer { target in
        resize(source, width: image.width, height: image.height, into: target, width, height, stride: 3 * width)
      }
    }
    return result
  }

  /// Resizes `source` [height, width, 3] into rows of `target` that lie `stride` bytes apart.
  static func resize(
    _ source: UnsafeBufferPointer<UInt8>, width: Int, height: Int, into target: UnsafeMutableBufferPointer<UInt8>,
    _ targetWidth: Int, _ targetHeight: Int, stride: Int
  ) {
    precondition(targetWidth >= 1 && targetHeight >= 1 && source.count == 3 * width * height)
    precondition(target.count >= (targetHeight - 1) * stride + 3 * targetWidth)
    let across = Coverage.all(from: width, to: targetWidth)
    let down = Coverage.all(from: height, to: targetHeight)
    let add = vz_kernels_default().pointee.image_add_u8!
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 3 * width) { row in
      for y in 0..<targetHeight {
        row.initialize(repeating: 0)
        for (i, weight) in down[y].weights.enumerated() {
          add(3 * width, weight, source.baseAddress! + 3 * width * (down[y].first + i), row.baseAddress!)
        }
        for x in 0..<targetWidth {
          for c in 0..<3 {
            var sum: Float = 0.5
            for (i, weight) in across[x].weights.enumerated() { sum += weight * row[3 * (across[x].first + i) + c] }
            target[y * stride + 3 * x + c] = UInt8(min(max(sum, 0), 255))
          }
        }
      }
    }
  }

  /// Blurs `planeCount` planes [height, width] in place by a Gaussian of `sigma` pixels, borders repeated.
  ///
  /// - Precondition: `sigma` > 0, and `planar.count == planeCount * width * height`.
  public static func gaussianBlur(
    _ planar: UnsafeMutableBufferPointer<Float>, planeCount: Int, width: Int, height: Int, sigma: Double,
    pool: OpaquePointer? = nil
  ) {
    precondition(sigma > 0 && planar.count == planeCount * width * height)
    guard planar.count > 0 else { return }
    let gauss = GaussianWeights(sigma: sigma, largestRadius: 2 * max(width, height))
    let scratch = Scratch(pool: pool)
    let needed = vz_blur_scratch_bytes(planeCount, width, height, gauss.radius, scratch.threadCount)
    gauss.values.withUnsafeBufferPointer { weights in
      scratch.run(byteCount: needed) { exec in
        vz_blur_run(
          exec, planeCount, width, height, gauss.radius, weights.baseAddress, planar.baseAddress, planar.baseAddress)
      }
    }
  }

  /// Planar [3, height, width] of 0 … 1 to rows of bytes, rounded and clipped; what is not a number becomes 0.
  public static func image(planar: UnsafeBufferPointer<Float>, width: Int, height: Int) -> ImageRGB8 {
    precondition(planar.count == 3 * width * height)
    var result = ImageRGB8(width: width, height: height)
    result.pixels.withUnsafeMutableBufferPointer { pixels in
      for i in 0..<width * height {
        for c in 0..<3 {
          let value = planar[c * width * height + i] * 255 + 0.5
          pixels[3 * i + c] = value > 0 ? UInt8(min(value, 255)) : 0
        }
      }
    }
    return result
  }
}

/// What one result pixel reads along one axis.
private struct Coverage {
  var first: Int
  var weights: [Float]

  static func all(from: Int, to: Int) -> [Coverage] {
    let step = Double(from) / Double(to)
    let reach = max(1, step)
    return (0..<to).map { i in
      let centre = (Double(i) + 0.5) * step - 0.5
      let first = max(0, Int((centre - reach).rounded(.up)))
      let last = min(from - 1, Int((centre + reach).rounded(.down)))
      let raw = (first...max(first, last)).map { max(0, 1 - abs(Double($0) - centre) / reach) }
      let sum = raw.reduce(0, +)
      return Coverage(first: first, weights: raw.map { Float($0 / sum) })
    }
  }
}
