/// The `warp` part of a manifest: see `Graphs/README.md`.
public struct WarpManifest: Sendable {
  public struct Close: Sendable {
    public var from: Double
    public var span: Double
  }

  public struct Blink: Sendable {
    public var first: ClosedRange<Double>
    public var every: ClosedRange<Double>
    public var down: Double
    public var up: Double
    public var hold: Double
  }

  public struct Brow: Sendable {
    public var window: Int
    public var scale: Double
    public var limit: Double
  }

  /// One sine of a head movement.
  public struct Swing: Sendable {
    public var amplitude: Double
    /// Radians per second.
    public var frequency: Double
  }

  public struct Crop: Sendable {
    public var eyeMouth: Double
    public var mouth: (x: Double, y: Double)
    public var unit: Double
    public var multiple: Int
    public var min: Int
    public var max: Int
    public var feather: Int
  }

  public var prepare: String
  public var render: String
  public var articulators: [String]
  public var lead: Double
  public var smooth: [Double]
  public var gain: [Double]
  public var limit: Double
  public var dead: Double
  public var close: Close
  public var blink: Blink
  public var brow: Brow
  public var yaw: [Swing]
  public var pitch: [Swing]
  public var crop: Crop

  /// Where the articulators that the host treats apart stand in `articulators`.
  public var jawIndex: Int
  public var closeIndex: Int

  init(_ source: JSONReader) throws(HeadError) {
    var reader = source
    prepare = try reader.string("prepare")
    render = try reader.string("render")
    articulators = try reader.strings("articulators", count: 2...64)
    guard let jaw = articulators.firstIndex(of: "jaw"), let lips = articulators.firstIndex(of: "close") else {
      throw reader.problem("articulators", "must name “jaw” and “close”")
    }
    jawIndex = jaw
    closeIndex = lips
    lead = try reader.number("lead", in: -0.5...0.5)
    smooth = try reader.numbers("smooth", count: 1...31, in: -1...1)
    guard smooth.count % 2 == 1 else { throw reader.problem("smooth", "must have an odd number of taps") }
    gain = try reader.numbers("gain", count: articulators.count...articulators.count, in: 0...10)
    limit = try reader.number("limit", in: 0...10)
    dead = try reader.number("dead", in: 0...1)

    var close = try reader.object("close")
    self.close = Close(from: try close.number("from", in: 0...1), span: try close.number("span", in: 0.01...10))
    try close.finish()

    var blink = try reader.object("blink")
    self.blink = Blink(
      first: try Self.range("first", &blink), every: try Self.range("every", &blink),
      down: try blink.number("down", in: 0.01...1), up: try blink.number("up", in: 0.01...1),
      hold: try blink.number("hold", in: 0...1))
    try blink.finish()

    var brow = try reader.object("brow")
    self.brow = Brow(
      window: try brow.int("window", in: 1...255), scale: try brow.number("scale", in: 0...10),
      limit: try brow.number("limit", in: 0...10))
    try brow.finish()

    yaw = try Self.swings("yaw", &reader)
    pitch = try Self.swings("pitch", &reader)

    var crop = try reader.object("crop")
    let mouth = try crop.numbers("mouth", count: 2...2, in: 0...4096)
    self.crop = Crop(
      eyeMouth: try crop.number("eyeMouth", in: 1...4096), mouth: (mouth[0], mouth[1]),
      unit: try crop.number("unit", in: 16...4096), multiple: try crop.int("multiple", in: 1...256),
      min: try crop.int("min", in: 32...2048), max: try crop.int("max", in: 32...2048),
      feather: try crop.int("feather", in: 2...256))
    guard self.crop.min <= self.crop.max else { throw crop.problem("min", "is above “max”") }
    guard self.crop.min % self.crop.multiple == 0, self.crop.max % self.crop.multiple == 0 else {
      throw crop.problem("multiple", "does not divide “min” and “max”")
    }
    guard self.crop.min / self.crop.feather >= 1 else {
      throw crop.problem("feather", "leaves no border at the smallest crop")
    }
    try crop.finish()
    try reader.finish()
  }

  private static func range(_ key: String, _ reader: inout JSONReader) throws(HeadError) -> ClosedRange<Double> {
    let bounds = try reader.numbers(key, count: 2...2, in: 0.1...3600)
    guard bounds[0] <= bounds[1] else { throw reader.problem(key, "ends before it begins") }
    return bounds[0]...bounds[1]
  }

  private static func swings(_ key: String, _ reader: inout JSONReader) throws(HeadError) -> [Swing] {
    var swings: [Swing] = []
    for element in try reader.array(key, count: 0...16) {
      guard case .array(let pair) = element, pair.count == 2, case .number(let amplitude) = pair[0],
        case .number(let frequency) = pair[1], abs(amplitude) <= 10, abs(frequency) <= 100
      else { throw reader.problem(key, "must hold pairs of an amplitude and radians per second") }
      swings.append(Swing(amplitude: amplitude, frequency: frequency))
    }
    return swings
  }
}
