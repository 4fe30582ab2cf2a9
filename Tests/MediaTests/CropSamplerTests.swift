import Foundation
import Media
import Testing

private func keys(_ distance: Double) -> Double {
  let x = abs(distance)
  if x <= 1 { return (1.25 * x - 2.25) * x * x + 1 }
  return x < 2 ? ((-0.75 * x + 3.75) * x - 6) * x + 3 : 0
}

private func randomPicture(_ width: Int, _ height: Int, seed: UInt64) -> ImageRGB8 {
  var random = SplitMix(state: seed)
  var image = ImageRGB8(width: width, height: height)
  for i in image.pixels.indices { image.pixels[i] = UInt8.random(in: 0...255, using: &random) }
  return image
}

/// A planar picture in double, for references.
private struct Planes {
  var width, height: Int
  var values: [Double]  // [3, height, width]

  init(_ image: ImageRGB8) {
    (width, height) = (image.width, image.height)
    let (w, h) = (width, height)
    values = (0..<3 * w * h).map { Double(image.pixels[3 * ($0 % (w * h)) + $0 / (w * h)]) }
  }

  init(side: Int, _ planar: [Float]) {
    (width, height) = (side, side)
    values = planar.map { Double($0) * 255 }
  }

  func at(_ c: Int, _ x: Int, _ y: Int) -> Double {
    values[(c * height + min(max(y, 0), height - 1)) * width + min(max(x, 0), width - 1)]
  }

  func blurred(_ sigma: Double) -> Planes {
    let radius = max(1, Int((4 * sigma).rounded(.up)))
    let raw = (-radius...radius).map { exp(-0.5 * Double($0 * $0) / (sigma * sigma)) }
    let weights = raw.map { $0 / raw.reduce(0, +) }
    var (result, middle) = (self, self)
    for i in values.indices {
      let (c, y, x) = (i / (width * height), i / width % height, i % width)
      middle.values[i] = (-radius...radius).map { weights[$0 + radius] * at(c, x + $0, y) }.reduce(0, +)
    }
    for i in values.indices {
      let (c, y, x) = (i / (width * height), i / width % height, i % width)
      result.values[i] = (-radius...radius).map { weights[$0 + radius] * middle.at(c, x, y + $0) }.reduce(0, +)
    }
    return result
  }

  func cubic(_ c: Int, _ point: SIMD2<Double>) -> Double {
    let (left, top) = (Int(point.x.rounded(.down)), Int(point.y.rounded(.down)))
    var sum = 0.0
    for y in top - 1...top + 2 {
      for x in left - 1...left + 2 { sum += keys(point.x - Double(x)) * keys(point.y - Double(y)) * at(c, x, y) }
    }
    return sum
  }
}

@Suite struct CropSamplerTests {
  @Test(arguments: [1.3, 1, 0.7, 0.21])
  func aCropIsTheBlurredPictureSampledCubically(scale: Double) throws {
    let image = randomPicture(60, 45, seed: 1)
    let map = Affine2x3.similarity(scale: scale, angle: 0.3, sending: [30, 20], to: [8, 9])
    let got = try CropSampler(map: map, width: 20, height: 17).sample(image)
    let source = scale < 1 ? Planes(image).blurred(0.5 * (1 / (scale * scale) - 1).squareRoot()) : Planes(image)
    var worst = 0.0
    for c in 0..<3 {
      for y in 0..<17 {
        for x in 0..<20 {
          let want = source.cubic(c, map.inverse!(SIMD2(Double(x), Double(y)))) / 255
          worst = max(worst, abs(Double(got[(c * 17 + y) * 20 + x]) - min(max(want, 0), 1)))
        }
      }
    }
    #expect(worst < 2e-6)
  }

  @Test func theIdentityIsExact() throws {
    let image = randomPicture(9, 7, seed: 2)
    for filter in [CropSampler.Filter.linear, .cubic] {
      let got = try CropSampler(map: .identity, width: 9, height: 7, filter: filter, range: 0...255).sample(image)
      for i in 0..<63 { for c in 0..<3 { #expect(got[c * 63 + i] == Float(image.pixels[3 * i + c])) } }
    }
  }

  @Test func bordersAreRepeatedOrZero() throws {
    let image = ImageRGB8(width: 4, height: 4, red: 255, green: 255, blue: 255)
    let map = Affine2x3(xx: 1, xy: 0, x0: 10, yx: 0, yy: 1, y0: 10)
    func corner(_ border: CropSampler.Border) throws -> Float {
      try CropSampler(map: map, width: 24, height: 24, filter: .linear, border: border, range: -1...1).sample(image)[0]
    }
    #expect(try corner(.repeated) == 1 && corner(.zero) == -1)
  }

  @Test func extremeMapsEndSoon() throws {
    let image = testPicture(width: 1_000, height: 700)
    for scale in [1e-12, 1e-4, 0.02, 1e4, 1e12] {
      let map = Affine2x3.similarity(scale: scale, angle: 1, sending: [500, 350], to: [16, 16])
      let got = try CropSampler(map: map, width: 32, height: 32).sample(image)
      #expect(got.allSatisfy { (0...1).contains($0) }, "\(scale)")
    }
    let flat = Affine2x3(xx: 1, xy: 1, x0: 0, yx: 1, yy: 1, y0: 0)
    let wild = Affine2x3(xx: .nan, xy: 0, x0: 0, yx: 0, yy: 1, y0: 0)
    expectError(naming: "crop") { _ = try CropSampler(map: flat, width: 4, height: 4) }
    expectError(naming: "crop") { _ = try CropSampler(map: wild, width: 4, height: 4) }
    expectError(naming: "crop") { _ = try CropSampler(map: .identity, width: 0, height: 4) }
    expectError(naming: "crop") { _ = try CropSampler(map: .identity, width: 16_384, height: 16_384) }
  }

  @Test func strongShrinkingKeepsTheMean() throws {
    let image = testPicture(width: 2_000, height: 2_000)
    let map = Affine2x3(xx: 0.01, xy: 0, x0: -0.495, yx: 0, yy: 0.01, y0: -0.495)
    let got = try CropSampler(map: map, width: 20, height: 20, range: 0...255).sample(image)
    let mean = got[..<400].reduce(0, +) / 400
    #expect(abs(mean - 127.5) < 1)
  }

  @Test func mapsInvertAndCompose() {
    let a = Affine2x3.similarity(scale: 0.4, angle: 2, sending: [3, 4], to: [-7, 1])
    let b = Affine2x3(xx: 1, xy: 0.5, x0: 3, yx: -2, yy: 1, y0: 0)
    let point = SIMD2(1.5, -8)
    func near(_ p: SIMD2<Double>, _ q: SIMD2<Double>) -> Bool { abs(p.x - q.x) + abs(p.y - q.y) < 1e-12 }
    #expect(near(a([3, 4]), [-7, 1]) && abs(a.scale - 0.4) < 1e-12)
    #expect(near(a.inverse!(a(point)), point) && near(a.followed(by: b)(point), b(a(point))))
  }
}

@Suite struct PasteBackTests {
  /// The definition in double, as Graphs/README.md gives it.
  private func reference(
    _ portrait: ImageRGB8, _ map: Affine2x3, side: Int, border: Int, _ frame: [Float]
  ) -> [Double] {
    var crop = Planes(side: side, frame)
    if map.scale > 1 { crop = crop.blurred(0.5 * (map.scale * map.scale - 1).squareRoot()) }
    var hard = ImageRGB8(width: side, height: side)
    for y in border..<side - border { for x in border..<side - border { hard[x: x, y: y] = SIMD3(1, 1, 1) } }
    let mask = Planes(hard).blurred(Double(border) / 2.2)
    func soft(_ x: Int, _ y: Int) -> Double {
      x < 0 || y < 0 || x >= side || y >= side ? 0 : mask.at(0, x, y)
    }
    return portrait.pixels.indices.map { i in
      let (x, y, c) = (i / 3 % portrait.width, i / 3 / portrait.width, i % 3)
      let point = map(SIMD2(Double(x), Double(y)))
      let under = Double(portrait.pixels[i])
      guard point.x > -1, point.y > -1, point.x < Double(side), point.y < Double(side) else { return under }
      let (left, top) = (Int(point.x.rounded(.down)), Int(point.y.rounded(.down)))
      let (u, v) = (point.x - Double(left), point.y - Double(top))
      let weight =
        (soft(left, top) * (1 - u) + soft(left + 1, top) * u) * (1 - v)
        + (soft(left, top + 1) * (1 - u) + soft(left + 1, top + 1) * u) * v
      return min(max(under + weight * (crop.cubic(c, point) - under), 0), 255)
    }
  }

  @Test(arguments: [0.6, 1.0, 1.7], [0.0, 0.4])
  func pixelsBecomeTheMaskedCubicSample(scale: Double, angle: Double) throws {
    let portrait = randomPicture(70, 50, seed: 5)
    let side = 32
    var random = SplitMix(state: 6)
    let frame = (0..<3 * side * side).map { _ in Float.random(in: 0...1, using: &random) }
    // Partly outside the portrait.
    let map = Affine2x3.similarity(scale: scale, angle: angle, sending: [20, 14], to: [16, 16])
    let want = reference(portrait, map, side: side, border: 2, frame)
    let paste = try PasteBack(portrait: portrait, map: map, side: side, border: 2)
    var got = portrait.pixels
    for _ in 0..<2 {
      frame.withUnsafeBufferPointer { frame in got.withUnsafeMutableBufferPointer { paste.apply(frame, to: $0) } }
      let worst = zip(got, want).map { abs(Double($0) - $1) }.max()!
      #expect(worst < 0.51, "worst \(worst)")
    }
  }

  @Test func onlyTheBoxIsTouched() throws {
    let portrait = randomPicture(64, 64, seed: 7)
    let map = Affine2x3.similarity(scale: 1, angle: 0.2, sending: [30, 30], to: [12, 12])
    let paste = try PasteBack(portrait: portrait, map: map, side: 24, border: 2)
    let frame = [Float](repeating: .nan, count: 3 * 24 * 24)
    var got = [UInt8](repeating: 99, count: portrait.pixels.count)
    frame.withUnsafeBufferPointer { frame in got.withUnsafeMutableBufferPointer { paste.apply(frame, to: $0) } }
    for y in 0..<64 {
      for x in 0..<64 where !(paste.columns.contains(x) && paste.rows.contains(y)) {
        #expect(got[3 * (64 * y + x)] == 99)
      }
    }
  }

  @Test func aCropOutsideThePortraitChangesNothing() throws {
    let portrait = randomPicture(20, 20, seed: 8)
    for target in [SIMD2(500.0, 0), [-500, 3], [0, 1e9], [3, -1e12]] {
      let map = Affine2x3.similarity(scale: 1, angle: 0, sending: [0, 0], to: target)
      let paste = try PasteBack(portrait: portrait, map: map, side: 16, border: 1)
      var got = portrait.pixels
      let frame = [Float](repeating: 0, count: 3 * 16 * 16)
      frame.withUnsafeBufferPointer { frame in got.withUnsafeMutableBufferPointer { paste.apply(frame, to: $0) } }
      #expect(got == portrait.pixels)
    }
  }

  @Test func impossibleCropsAreRefused() {
    let portrait = ImageRGB8(width: 8, height: 8)
    let flat = Affine2x3(xx: 0, xy: 0, x0: 0, yx: 0, yy: 0, y0: 0)
    expectError(naming: "paste-back") { _ = try PasteBack(portrait: portrait, map: flat, side: 16, border: 1) }
    expectError(naming: "paste-back") { _ = try PasteBack(portrait: portrait, map: .identity, side: 0, border: 0) }
    expectError(naming: "paste-back") { _ = try PasteBack(portrait: portrait, map: .identity, side: 16, border: 9) }
  }
}

@Suite struct ImageOpsTests {
  @Test func resizingKeepsColoursAndMeans() {
    let plain = ImageRGB8(width: 37, height: 23, red: 12, green: 250, blue: 99)
    #expect(ImageOps.resize(plain, width: 5, height: 60) == ImageRGB8(width: 5, height: 60, red: 12, green: 250, blue: 99))
    let image = testPicture(width: 200, height: 150)
    #expect(ImageOps.resize(image, width: 200, height: 150) == image)
    let small = ImageOps.resize(image, width: 10, height: 10)
    func mean(_ image: ImageRGB8) -> Double { Double(image.pixels.map { Int($0) }.reduce(0, +)) / Double(image.pixels.count) }
    #expect(abs(mean(small) - mean(image)) < 1)
  }

  @Test func aBlurKeepsWhatIsFlat() {
    var planes = [Float](repeating: 0.25, count: 2 * 12 * 9)
    planes.withUnsafeMutableBufferPointer {
      ImageOps.gaussianBlur($0, planeCount: 2, width: 12, height: 9, sigma: 3)
    }
    #expect(planes.allSatisfy { abs($0 - 0.25) < 1e-6 })
  }

  @Test func planesBecomeBytes() {
    let planes: [Float] = [0, 1, 0.5, .nan, -3, 7]
    let image = planes.withUnsafeBufferPointer { ImageOps.image(planar: $0, width: 2, height: 1) }
    #expect(image.pixels == [0, 128, 0, 255, 0, 255])
  }

  @Test func aContactSheetShowsEvenlySpacedFrames() throws {
    var sheet = ContactSheet(frameCount: 101, frameWidth: 40, frameHeight: 20, cellCount: 6, columnCount: 3, cellWidth: 20)
    #expect(sheet.indices == [0, 20, 40, 60, 80, 100])
    for index in 0..<101 {
      let frame = ImageRGB8(width: 40, height: 20, red: UInt8(2 * index))
      frame.pixels.withUnsafeBufferPointer { sheet.add($0, width: 40, height: 20, index: index) }
    }
    #expect(sheet.image.width == 60 && sheet.image.height == 20)
    for cell in 0..<6 { #expect(sheet.image[x: cell % 3 * 20 + 10, y: cell / 3 * 10 + 5].x == UInt8(40 * cell)) }
    let folder = TemporaryFolder()
    try sheet.write(to: folder.file("sheet.jpg"))
    #expect(try ImageFile.read(folder.file("sheet.jpg")).width == 60)
    #expect(ContactSheet(frameCount: 1, frameWidth: 4, frameHeight: 4).indices == [0])
    #expect(ContactSheet(frameCount: 2, frameWidth: 4, frameHeight: 4).indices == [0, 1])
  }
}
