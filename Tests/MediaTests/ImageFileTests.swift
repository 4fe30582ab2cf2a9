import Foundation
import Media
import Testing

@Suite struct ImageFileTests {
  let folder = TemporaryFolder()
  let picture = testPicture(width: 48, height: 32)

  private func jpeg(_ image: ImageRGB8, quality: Int = 95, chroma: JPEGEncoder.Chroma = .c444) throws -> [UInt8] {
    try JPEGEncoder(width: image.width, height: image.height, quality: quality, chroma: chroma).encode(image)
  }

  private func read(_ file: [UInt8]) throws -> ImageRGB8 {
    try file.withUnsafeBytes { try ImageFile.read(bytes: $0, name: "memory") }
  }

  // MARK: Kinds of picture

  @Test(arguments: 1...8)
  func everyOrientationIsTurnedUpright(number: Int) throws {
    #expect(meanDifference(try ImageFile.read(fixture("orientation-\(number).jpg")), picture) < 2.5)
  }

  @Test(arguments: ["progressive.jpg", "rgb.png", "rgb16.png", "interlaced.png"])
  func theSamePictureComesFromEveryKind(name: String) throws {
    let difference = meanDifference(try ImageFile.read(fixture(name)), picture)
    #expect(name.hasSuffix(".png") ? difference == 0 : difference < 2.5, "\(difference)")
  }

  @Test func coloursSurviveInkAndPalettes() throws {
    #expect(meanDifference(try ImageFile.read(fixture("cmyk.jpg")), picture) < 4)
    #expect(meanDifference(try ImageFile.read(fixture("palette.png")), picture) < 8)
  }

  @Test(arguments: ["grey.jpg", "grey.png"])
  func greyHasThreeEqualChannels(name: String) throws {
    let image = try ImageFile.read(fixture(name))
    #expect(image.width == 48 && image.height == 32)
    for y in 0..<32 {
      for x in 0..<48 {
        let pixel = image[x: x, y: y]
        #expect(pixel.x == pixel.y && pixel.x == pixel.z)
      }
    }
    #expect(image[x: 47, y: 31].x > image[x: 0, y: 0].x + 50)
  }

  @Test func transparentPartsLieOnWhite() throws {
    let image = try ImageFile.read(fixture("half.png"))
    let worst = zip(image.pixels, picture.pixels).map { abs(Int($0) - (Int($1) + 256) / 2) }.max()!
    #expect(worst <= 2)
  }

  // MARK: Writing

  @Test(arguments: JPEGEncoder.Chroma.allCases)
  func whatIsWrittenCanBeRead(chroma: JPEGEncoder.Chroma) throws {
    for (width, height) in [(1, 1), (7, 3), (16, 16), (48, 32), (501, 33)] {
      let image = testPicture(width: width, height: height)
      // Sharp colours bleed where they are kept at half resolution.
      #expect(meanDifference(try read(jpeg(image, chroma: chroma)), image) < (chroma == .c444 ? 8 : 25))
    }
  }

  @Test func oneEncoderWritesManyFrames() throws {
    let encoder = try JPEGEncoder(width: 48, height: 32, quality: 90, comment: "héllo")
    let plain = ImageRGB8(width: 48, height: 32, red: 200, green: 10, blue: 60)
    var random = SplitMix(state: 3)
    var noise = plain
    for i in noise.pixels.indices { noise.pixels[i] = UInt8.random(in: 0...255, using: &random) }
    let files = try [plain, noise, picture].map { try encoder.encode($0) }
    for _ in 0..<3 {
      #expect(try encoder.encode(noise) == files[1])
      #expect(try encoder.encode(plain) == files[0])
    }
    #expect(meanDifference(try read(files[0]), plain) < 2)
    #expect(String(decoding: files[2], as: UTF8.self).contains("héllo"))
  }

  @Test func qualityAndChromaChangeTheSize() throws {
    let image = testPicture(width: 256, height: 256)
    let (small, large) = try (jpeg(image, quality: 20), jpeg(image, quality: 95))
    let half = try jpeg(image, chroma: .c420)
    #expect(small.count < large.count && half.count < large.count)
  }

  @Test func impossibleRequestsAreRefused() {
    expectError(naming: "JPEG") { _ = try JPEGEncoder(width: 0, height: 5) }
    expectError(naming: "JPEG") { _ = try JPEGEncoder(width: 5, height: 70_000) }
    expectError(naming: "JPEG") { _ = try JPEGEncoder(width: 5, height: 5, quality: 0) }
    expectError(naming: "JPEG") { _ = try JPEGEncoder(width: 5, height: 5, quality: 101) }
    expectError(naming: "JPEG") { _ = try JPEGEncoder(width: 5, height: 5, comment: String(repeating: "x", count: 65_534)) }
    let path = folder.file("missing/a.jpg")
    expectError(naming: path) { try ImageFile.writeJPEG(picture, to: path) }
  }

  @Test func aPictureFileIsWrittenWhole() throws {
    try ImageFile.writeJPEG(picture, to: folder.file("a.jpg"), quality: 95, chroma: .c444)
    #expect(meanDifference(try ImageFile.read(folder.file("a.jpg")), picture) < 2.5)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a.jpg"])
  }

  // MARK: Hostile files

  @Test func whatIsNotAPictureIsRefused() throws {
    func problem(_ path: String) -> MediaError.Problem? { expectError(naming: path) { _ = try ImageFile.read(path) } }
    #expect(problem(folder.file("missing.jpg")) == .cannotOpen(errno: ENOENT))
    #expect(problem(folder.path) == .notAFile(.folder))
    #expect(problem(folder.file("empty.jpg", [])) == .empty)
    #expect(problem("/dev/zero") == .notAFile(.device))
    #expect(problem(folder.file("text.jpg", Array("no picture".utf8))) == .notAPicture)
    let fifo = folder.file("fifo.png")
    #expect(mkfifo(fifo, 0o600) == 0 && problem(fifo) == .notAFile(.pipe))
    let locked = folder.file("locked.png", bytes(of: fixture("rgb.png")))
    chmod(locked, 0)
    if getuid() != 0 { #expect(problem(locked) == .cannotOpen(errno: EACCES)) }
  }

  @Test func missingPictureDataIsAnError() throws {
    for name in ["orientation-1.jpg", "progressive.jpg", "grey.jpg", "cmyk.jpg", "rgb.png", "interlaced.png"] {
      let whole = bytes(of: fixture(name))
      for share in 1..<10 {
        expectError(naming: "memory") { _ = try read(Array(whole[..<(whole.count * share / 10)])) }
      }
    }
    let whole = bytes(of: fixture("orientation-1.jpg"))
    #expect(expectError(naming: "memory") { _ = try read(Array(whole[..<(whole.count - 60)])) } == .truncated)
    #expect(meanDifference(try read(Array(whole.dropLast(2))), picture) < 2.5, "only the end marker is missing")
  }

  @Test func hugeDimensionsAreRefusedBeforeAnythingIsAllocated() throws {
    // A PNG header, and a JPEG frame header, that say what they like.
    func png(_ width: UInt32, _ height: UInt32) -> [UInt8] {
      var file = Array(bytes(of: fixture("rgb.png")))
      for i in 0..<4 {
        file[16 + i] = UInt8(truncatingIfNeeded: width >> (24 - 8 * i))
        file[20 + i] = UInt8(truncatingIfNeeded: height >> (24 - 8 * i))
      }
      let crc = crc32(file[12..<29])
      for i in 0..<4 { file[29 + i] = UInt8(truncatingIfNeeded: crc >> (24 - 8 * i)) }
      return file
    }
    func jpeg(_ width: Int, _ height: Int) throws -> [UInt8] {
      var file = try self.jpeg(picture)
      let at = file.indices.first { file[$0] == 0xFF && file[$0 + 1] == 0xC0 }!
      file[at + 5] = UInt8(height >> 8)
      file[at + 6] = UInt8(height & 255)
      file[at + 7] = UInt8(width >> 8)
      file[at + 8] = UInt8(width & 255)
      return file
    }
    #expect(expectError(naming: "memory") { _ = try read(png(16_385, 1)) } == .dimensions(width: 16_385, height: 1))
    #expect(expectError(naming: "memory") { _ = try read(png(9_000, 9_000)) } == .dimensions(width: 9_000, height: 9_000))
    expectError(naming: "memory") { _ = try read(png(0x7FFF_FFFF, 0x7FFF_FFFF)) }
    #expect(expectError(naming: "memory") { _ = try read(jpeg(1, 16_385)) } == .dimensions(width: 1, height: 16_385))
    #expect(expectError(naming: "memory") { _ = try read(jpeg(16_384, 4_097)) } == .dimensions(width: 16_384, height: 4_097))
    expectError(naming: "memory") { _ = try read(jpeg(2_000, 2_000)) }
  }

  @Test func damagedPicturesNeverCrash() throws {
    let names = ["orientation-6.jpg", "progressive.jpg", "cmyk.jpg", "grey.jpg", "rgb16.png", "palette.png", "interlaced.png"]
    let sources = names.map { bytes(of: fixture($0)) }
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SplitMix(state: seed)
    for round in 0..<700 {
      var file = sources[round % sources.count]
      for _ in 0..<Int.random(in: 1...8, using: &random) {
        file[Int.random(in: 0..<file.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      if Bool.random(using: &random) { file.removeLast(Int.random(in: 0..<file.count / 2, using: &random)) }
      do {
        let image = try read(file)
        #expect(image.pixels.count == image.width * image.height * 3, "seed \(seed) round \(round)")
      } catch let error as MediaError {
        #expect(error.path == "memory", "seed \(seed) round \(round)")
      }
    }
  }

  private func crc32(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    var crc: UInt32 = 0xFFFF_FFFF
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
    }
    return ~crc
  }
}
