internal import CMedia

/// Writes pictures of one size as baseline JPEG, frame after frame.
///
/// The compressor, its working memory and the output buffer are kept: after the first frame nothing is allocated, unless
/// a frame needs more room than all before it. One encoder serves one thread at a time.
public final class JPEGEncoder {
  /// How finely colour is kept: at half resolution both ways, across only, or in full.
  public enum Chroma: String, Sendable, CaseIterable {
    case c420 = "4:2:0"
    case c422 = "4:2:2"
    case c444 = "4:4:4"
  }

  public let width, height: Int
  private let encoder: OpaquePointer

  /// - Parameters:
  ///   - quality: 1 (smallest) to 100 (best).
  ///   - comment: text stored in every frame; at most 65,533 bytes, without a NUL.
  public init(
    width: Int, height: Int, quality: Int = 90, chroma: Chroma = .c420, comment: String? = nil
  ) throws(MediaError) {
    func refuse(_ reason: String) -> MediaError { MediaError(path: "JPEG", problem: .invalidRequest(reason)) }
    guard (1...ImageFile.maximumSide).contains(width), (1...ImageFile.maximumSide).contains(height),
      width * height <= ImageFile.maximumPixelCount
    else { throw MediaError(path: "JPEG", problem: .dimensions(width: width, height: height)) }
    guard (1...100).contains(quality) else { throw refuse("quality is 1 to 100, not \(quality)") }
    if let comment, comment.utf8.count > 65_533 || comment.utf8.contains(0) {
      throw refuse("the comment is longer than 65,533 bytes or holds a NUL")
    }
    var settings = cm_jpeg_settings(
      width: UInt32(width), height: UInt32(height), quality: Int32(quality),
      chroma_across: chroma == .c444 ? 1 : 2, chroma_down: chroma == .c420 ? 2 : 1, comment: nil)
    let made: OpaquePointer?
    if let comment {
      made = comment.withCString { text in
        settings.comment = text
        return cm_jpeg_encoder_create(&settings)
      }
    } else {
      made = cm_jpeg_encoder_create(&settings)
    }
    guard let made else { throw MediaError(path: "JPEG", problem: .outOfMemory) }
    encoder = made
    self.width = width
    self.height = height
  }

  deinit { cm_jpeg_encoder_destroy(encoder) }

  /// Compresses `rgb` [height, width, 3]. The result lies in the encoder and is valid until its next call.
  ///
  /// - Precondition: `rgb.count == width * height * 3`.
  public func encode(_ rgb: UnsafeBufferPointer<UInt8>) throws(MediaError) -> UnsafeRawBufferPointer {
    precondition(rgb.count == width * height * 3, "the frame has another size than its encoder")
    var bytes: UnsafePointer<UInt8>?
    var count = 0
    try ImageFile.check("JPEG") { cm_jpeg_encode(encoder, rgb.baseAddress, &bytes, &count, $0) }
    return UnsafeRawBufferPointer(start: bytes, count: count)
  }

  /// Compresses a picture of the encoder's size.
  public func encode(_ image: ImageRGB8) throws(MediaError) -> [UInt8] {
    precondition(image.width == width && image.height == height, "the frame has another size than its encoder")
    return try image.pixels.withBuffer { rgb throws(MediaError) in [UInt8](try encode(rgb)) }
  }
}
