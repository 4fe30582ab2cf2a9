import Media

/// Cuts a face box out for a generator, and puts what it paints back, through an edge that fades.
struct FaceSampler {
  private let manifest: GANManifest
  private let size: Int

  init(_ manifest: GANManifest) {
    self.manifest = manifest
    size = manifest.size
  }

  /// One place between two neighbours along an axis of `count`, for output `index` of `outputs` (half-pixel centres).
  private func place(_ index: Int, of outputs: Int, in count: Int) -> (low: Int, high: Int, part: Float) {
    let position = (Float(index) + 0.5) * Float(count) / Float(outputs) - 0.5
    let clamped = min(max(position, 0), Float(count - 1))
    let low = Int(clamped)
    return (low, min(low + 1, count - 1), clamped - Float(low))
  }

  /// Writes `[6, size, size]`: the crop whole, and the crop with its lower half zero, in the manifest's order.
  func sample(_ image: ImageRGB8, _ box: FaceBox, into face: UnsafeMutableBufferPointer<Float>) {
    let plane = size * size
    let low = Float(manifest.range.low), scale = Float(manifest.range.high - manifest.range.low) / 255
    let masked = manifest.order[0] == .masked ? 0 : 3
    image.pixels.withUnsafeBufferPointer { pixels in
      for row in 0..<size {
        let y = place(row, of: size, in: box.height)
        let top = (box.top + y.low) * image.width, bottom = (box.top + y.high) * image.width
        for column in 0..<size {
          let x = place(column, of: size, in: box.width)
          let left = box.left + x.low, right = box.left + x.high
          for channel in 0..<3 {
            let source = manifest.channels == .bgr ? 2 - channel : channel
            func at(_ row: Int, _ column: Int) -> Float { Float(pixels[(row + column) * 3 + source]) }
            let above = at(top, left) * (1 - x.part) + at(top, right) * x.part
            let below = at(bottom, left) * (1 - x.part) + at(bottom, right) * x.part
            let value = low + scale * (above * (1 - y.part) + below * y.part)
            let index = channel * plane + row * size + column
            face[(3 - masked) * plane + index] = value
            face[masked * plane + index] = row < size / 2 ? value : 0
          }
        }
      }
    }
  }

  /// Blends `[3, size, size]` into the box of a picture.
  func paste(
    _ result: UnsafeBufferPointer<Float>, into picture: UnsafeMutableBufferPointer<UInt8>, pictureWidth: Int,
    box: FaceBox
  ) {
    let plane = size * size
    let low = Float(manifest.range.low), scale = 255 / Float(manifest.range.high - manifest.range.low)
    for row in 0..<box.height {
      let y = place(row, of: box.height, in: size)
      let rowMask = mask(row, of: box.height)
      for column in 0..<box.width {
        let x = place(column, of: box.width, in: size)
        let weight = rowMask * mask(column, of: box.width)
        let target = ((box.top + row) * pictureWidth + box.left + column) * 3
        for channel in 0..<3 {
          let source = (manifest.channels == .bgr ? 2 - channel : channel) * plane
          let above = result[source + y.low * size + x.low] * (1 - x.part) + result[source + y.low * size + x.high] * x.part
          let below = result[source + y.high * size + x.low] * (1 - x.part) + result[source + y.high * size + x.high] * x.part
          let painted = ((above * (1 - y.part) + below * y.part) - low) * scale
          let old = Float(picture[target + channel])
          let blended = (old + weight * (painted - old)).rounded(.toNearestOrEven)
          picture[target + channel] = UInt8(min(max(blended, 0), 255))
        }
      }
    }
  }

  /// How much of the result shows at `index` of `count` pixels: 0 at the edge, 1 from `feather` of the side on.
  private func mask(_ index: Int, of count: Int) -> Float {
    guard manifest.feather > 0 else { return 1 }
    let place = (Double(index) + 0.5) / Double(count)
    return Float(min(max(min(place, 1 - place) / manifest.feather, 0), 1))
  }
}
