internal import CMedia
import Glibc

/// Reads JPEG and PNG pictures, told apart by their content.
///
/// - JPEG: baseline and progressive; grey, YCbCr, RGB, CMYK and YCCK; turned upright by its EXIF orientation. Damaged or
///   missing picture data is an error; a missing end marker alone is not.
/// - PNG: every colour type and depth; transparent parts are composed over white.
///
/// Embedded colour profiles are ignored: values are taken as sRGB.
public enum ImageFile {
  public static let maximumSide = 16_384
  public static let maximumPixelCount = 64 << 20
  public static let maximumByteCount = 512 << 20

  public static func read(_ path: String) throws(MediaError) -> ImageRGB8 {
    let file = try Descriptor.open(regularFile: path)
    let bytes = try file.readAll(path: path, byteLimit: maximumByteCount)
    return try bytes.withBuffer { buffer throws(MediaError) in
      try read(bytes: UnsafeRawBufferPointer(buffer), name: path)
    }
  }

  /// Decodes a file that is already in memory; `name` stands for it in errors.
  public static func read(bytes: UnsafeRawBufferPointer, name: String) throws(MediaError) -> ImageRGB8 {
    guard !bytes.isEmpty else { throw MediaError(path: name, problem: .empty) }
    if bytes.starts(with: [0xFF, 0xD8, 0xFF]) {
      let image = try decode(bytes, name, size: cm_jpeg_size, pixels: cm_jpeg_decode)
      return image.upright(from: ImageOrientation(jpeg: bytes))
    }
    if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
      return try decode(bytes, name, size: cm_png_size, pixels: cm_png_decode)
    }
    throw MediaError(path: name, problem: .notAPicture)
  }

  private typealias Bytes = UnsafePointer<UInt8>
  private typealias Message = UnsafeMutablePointer<CChar>
  private typealias Sizing =
    (Bytes?, Int, UnsafeMutablePointer<UInt32>?, UnsafeMutablePointer<UInt32>?, Message?) -> cm_status
  private typealias Decoding = (Bytes?, Int, UInt32, UInt32, UnsafeMutablePointer<UInt8>?, Message?) -> cm_status

  private static func decode(
    _ bytes: UnsafeRawBufferPointer, _ name: String, size: Sizing, pixels decoding: Decoding
  ) throws(MediaError) -> ImageRGB8 {
    let data = bytes.assumingMemoryBound(to: UInt8.self)
    var width: UInt32 = 0
    var height: UInt32 = 0
    try check(name) { size(data.baseAddress, data.count, &width, &height, $0) }
    let (across, down) = (Int(width), Int(height))
    guard across > 0, down > 0, across <= maximumSide, down <= maximumSide, across * down <= maximumPixelCount else {
      throw MediaError(path: name, problem: .dimensions(width: across, height: down))
    }
    let pixelBytes = across * down * 3
    var problem: MediaError?
    let pixels = [UInt8](unsafeUninitializedCapacity: pixelBytes) { buffer, count in
      do throws(MediaError) {
        try check(name) { decoding(data.baseAddress, data.count, width, height, buffer.baseAddress, $0) }
        count = pixelBytes
      } catch {
        problem = error
      }
    }
    if let problem { throw problem }
    return ImageRGB8(width: across, height: down, pixels: pixels)
  }

  /// Runs a shim and turns its status into an error.
  static func check(_ name: String, _ call: (UnsafeMutablePointer<CChar>) -> cm_status) throws(MediaError) {
    var problem: MediaError.Problem?
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(CM_MESSAGE_BYTES)) { message in
      message.initialize(repeating: 0)
      let status = call(message.baseAddress!)
      problem = Self.problem(status, String(cString: message.baseAddress!))
    }
    if let problem { throw MediaError(path: name, problem: problem) }
  }

  private static func problem(_ status: cm_status, _ message: String) -> MediaError.Problem? {
    switch status {
    case CM_OK: nil
    case CM_TRUNCATED: .truncated
    case CM_UNSUPPORTED: .unsupported(message)
    case CM_NO_MEMORY: .outOfMemory
    default: .corrupt(message)
    }
  }
}
