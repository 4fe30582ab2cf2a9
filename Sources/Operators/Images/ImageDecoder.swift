import GraphIR
import Tensors

/// ONNX `ImageDecoder`: the pixels `[height, width, channels]` of an encoded picture, or nothing (`[0, 0, channels]`) if
/// it is broken.
///
/// Reads formats that store pixels as they are: BMP, PBM, PGM, PPM, and TIFF without compression.
public struct ImageDecoder: HostOperator {
  public static let signatures = [Signature("ImageDecoder", versions: 20...Signature.newestOpset)]

  private enum PixelFormat: String { case rgb = "RGB", bgr = "BGR", gray = "Grayscale" }

  private let format: PixelFormat

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(1...1)
    let name = try node.string("pixel_format", default: "RGB")
    guard let format = PixelFormat(rawValue: name) else { throw node.invalid("the pixel format “\(name)” does not exist") }
    self.format = format
  }

  private var channels: Int { format == .gray ? 1 : 3 }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    _ = try context.elementType(0, in: [.uint8])
    _ = try context.dims(0, rank: 1...1)
    return [.tensor(TensorType(.uint8, [.unknown, .unknown, .fixed(channels)]))]
  }

  public func evaluate(_ context: EvaluationContext) throws(OperatorError) -> [RuntimeValue] {
    let input = try context.tensor(0)
    try context.reserve(byteCount: input.count)
    let bytes = ImageBytes(input.elements(as: UInt8.self))
    let picture: PlainPicture?
    switch bytes.number(0, width: 2, isBigEndian: true) {
    case 0x424D: picture = PlainPicture(bmp: bytes)  // "BM"
    case .some(0x5031...0x5036): picture = PlainPicture(pnm: bytes)  // "P1" to "P6"
    case 0x4949, 0x4D4D: picture = PlainPicture(tiff: bytes)  // "II", "MM"
    case 0xFFD8: throw context.unsupported("pictures in JPEG are not implemented")
    case 0x8950: throw context.unsupported("pictures in PNG are not implemented")
    case 0x5249: throw context.unsupported("pictures in WebP are not implemented")
    case 0x0000, 0xFF4F: throw context.unsupported("pictures in JPEG 2000 are not implemented")
    default: picture = nil
    }
    guard let picture else { return [.tensor(try context.makeTensor(.uint8, [0, 0, channels]))] }
    var output = try context.makeTensor(.uint8, [picture.height, picture.width, channels], isZeroed: false)
    output.withUnsafeMutableBytes { target in
      for pixel in 0..<(picture.width * picture.height) {
        let (r, g, b) = picture.color(pixel % picture.width, pixel / picture.width)
        switch format {
        case .rgb: (target[3 * pixel], target[3 * pixel + 1], target[3 * pixel + 2]) = (r, g, b)
        case .bgr: (target[3 * pixel], target[3 * pixel + 1], target[3 * pixel + 2]) = (b, g, r)
        case .gray:
          // ITU-R 601 in 16 bits.
          var luma = UInt32(r) * 19595
          luma += UInt32(g) * 38470
          luma += UInt32(b) * 7471
          target[pixel] = UInt8((luma + 0x8000) >> 16)
        }
      }
    }
    return [.tensor(output)]
  }
}
