/// The `gan` part of a manifest: see `Graphs/README.md`.
public struct GANManifest: Sendable {
  public enum Channels: String, Sendable { case rgb, bgr }
  public enum Half: String, Sendable { case masked, reference }

  public var generator: String
  public var audioInput: String
  public var faceInput: String
  public var output: String
  /// Mel columns a frame hears.
  public var window: Int
  /// Side of the face crop in pixels.
  public var size: Int
  public var channels: Channels
  /// What the darkest and the brightest pixel are for the network.
  public var range: (low: Double, high: Double)
  public var order: [Half]
  /// Pixels added to the face box: top, bottom, left, right.
  public var pads: [Double]
  /// Portrait frames over which the box is averaged.
  public var smooth: Int
  public var batch: Int
  /// Share of the box's side over which the result fades in.
  public var feather: Double

  init(_ source: JSONReader) throws(HeadError) {
    var reader = source
    generator = try reader.string("generator")
    audioInput = try reader.string("audioInput")
    faceInput = try reader.string("faceInput")
    output = try reader.string("output")
    window = try reader.int("window", in: 1...1024)
    size = try reader.int("size", in: 16...1024)
    let channels = try reader.string("channels")
    guard let known = Channels(rawValue: channels) else { throw reader.problem("channels", "is neither rgb nor bgr") }
    self.channels = known
    let range = try reader.numbers("range", count: 2...2, in: -255...255)
    guard range[0] < range[1] else { throw reader.problem("range", "is empty") }
    self.range = (range[0], range[1])
    let mask = try reader.string("mask")
    guard mask == "lower" else { throw reader.problem("mask", "is “\(mask)”; this program knows lower") }
    order = []
    for name in try reader.strings("order", count: 2...2) {
      guard let half = Half(rawValue: name), !order.contains(half) else {
        throw reader.problem("order", "must name masked and reference once each")
      }
      order.append(half)
    }
    pads = try reader.numbers("pads", count: 4...4, in: -4096...4096)
    smooth = try reader.int("smooth", in: 1...255)
    batch = try reader.int("batch", in: 1...256)
    feather = try reader.number("feather", in: 0...0.5)
    try reader.finish()
  }
}
