/// The manifest of a head, `head.json`: see `Graphs/README.md`, which defines every key.
public struct Manifest: Sendable {
  public var name: String
  public var title: String
  public var licence: String
  /// Frames per second the head was made for.
  public var fps: Double
  public var audio: AudioManifest
  public var family: Family
  /// The bundled portrait and its landmarks, relative to the bundle.
  public var portrait: Portrait?
  /// The bundled speech, relative to the bundle.
  public var speech: String?

  public enum Family: Sendable {
    case warp(WarpManifest)
    case gan(GANManifest)
  }

  public struct Portrait: Sendable {
    public var image: String
    public var landmarks: String
  }

  /// Reads and checks a manifest.
  public init(path: String) throws(HeadError) {
    var reader = try JSONReader(try JSONValue.read(path), path: path)
    let format = try reader.int("format", in: 0...1_000_000)
    guard format == 1 else { throw reader.problem("format", "is \(format); this program reads format 1") }
    name = try reader.string("name")
    title = try reader.string("title")
    licence = try reader.string("licence")
    fps = try reader.number("fps", in: 1...120)
    let family = try reader.string("family")
    switch family {
    case "warp": self.family = .warp(try WarpManifest(try reader.object("warp")))
    case "gan": self.family = .gan(try GANManifest(try reader.object("gan")))
    default: throw reader.problem("family", "is “\(family)”; this program knows warp and gan")
    }
    audio = try AudioManifest(try reader.object("audio"), hasTracks: family == "warp")
    if reader.has("portrait") {
      var portrait = try reader.object("portrait")
      self.portrait = Portrait(image: try portrait.string("image"), landmarks: try portrait.string("landmarks"))
      try portrait.finish()
    }
    if reader.has("speech") { speech = try reader.string("speech") }
    try reader.finish()
  }
}

/// How speech becomes what the head's networks hear.
public struct AudioManifest: Sendable {
  /// Brings active samples to a given loudness.
  public struct Level: Sendable {
    public var rms: Double
    public var active: Double
  }

  /// A network over mel columns that gives articulator tracks.
  public struct Tracks: Sendable {
    public var graph: String
    public var input: String
    public var output: String
    public var before: Int
    public var after: Int
    public var hop: Int
    public var gate: Gate?
  }

  /// Closes the mouth in silence.
  public struct Gate: Sendable {
    public var threshold: Double
    public var hold: Int
    public var fade: Int
  }

  public var profile: String
  public var level: Level?
  public var tracks: Tracks?

  init(_ source: JSONReader, hasTracks: Bool) throws(HeadError) {
    var reader = source
    profile = try reader.string("profile")
    if reader.has("level") {
      var level = try reader.object("level")
      self.level = Level(
        rms: try level.number("rms", in: 1e-4...1), active: try level.number("active", in: 0...0.99))
      try level.finish()
    }
    if hasTracks {
      let graph = try reader.string("graph"), input = try reader.string("input"), output = try reader.string("output")
      let before = try reader.int("before", in: 0...4096), after = try reader.int("after", in: 0...4096)
      let hop = try reader.int("hop", in: 1...16)
      var gate: Gate?
      if reader.has("gate") {
        var values = try reader.object("gate")
        gate = Gate(
          threshold: try values.number("threshold", in: -100...100), hold: try values.int("hold", in: 0...1024),
          fade: try values.int("fade", in: 1...255))
        try values.finish()
      }
      tracks = Tracks(
        graph: graph, input: input, output: output, before: before, after: after, hop: hop, gate: gate)
    }
    try reader.finish()
  }
}
