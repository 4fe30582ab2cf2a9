import ArgumentParser
import Head
import Media

/// `viseme talk`: the main job.
struct TalkCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "talk",
    abstract: "Make a portrait speak: speech in, JPEG frames out.",
    discussion: """
      Everything has a default: without options, the bundled portrait speaks the bundled speech.

      EXAMPLES
        viseme talk -o frames
        viseme talk --portrait me.jpg --speech hello.flac -o frames
        viseme talk --speech hello.wav --video hello.mp4
        viseme talk --speech hello.wav -o - | ffplay -f mjpeg -framerate 25 -
        viseme talk --threads auto --cores big --line
        viseme talk --head Graphs/wav2lip --portrait frames-of-me/ --speech hello.wav -o frames

      EXIT CODES
        0 done; 1 an input is missing or wrong; 64 wrong usage; 130 stopped by Ctrl-C (the frames written are whole)
      """)

  @Option(help: "The picture to animate, JPEG or PNG; for heads that play portrait frames, a folder of them.")
  var portrait: String?
  @Option(help: "The speech: WAV, FLAC, OGG or MP3, any rate, any number of channels.")
  var speech: String?
  @Option(name: .shortAndLong, help: "Folder for frame_000001.jpg and so on, or - for an MJPEG stream on standard output.")
  var output: String?
  @Option(help: "The head's folder. Without it: the head “default”, as VISEME_HEADS, the clone or the installation has it.")
  var head: String?
  @Option(help: "The face's landmarks (.landmarks.json); without it the face models find them.")
  var landmarks: String?
  @Option(help: "Frames per second, such as 25, 29.97 or 30000/1001. Without it: the head's own.")
  var fps: FrameRate?
  @Option(help: "JPEG quality, 1 to 100.")
  var quality = 90
  @Option(help: "How finely colour is stored.")
  var chroma = ChromaOption.c420
  @OptionGroup var threading: ThreadOptionGroup
  @Option(help: "Seeds blinks and head movement; the same seed gives the same frames.")
  var seed: UInt64 = 0
  @Option(help: "Seconds of speech to skip at the beginning.")
  var start = 0.0
  @Option(help: "Seconds of speech to use at most.")
  var duration: Double?
  @Option(help: "Also write one JPEG of evenly spaced frames.")
  var contactSheet: String?
  @Option(help: "Also write a video with the speech, through ffmpeg.")
  var video: String?
  @Flag(help: "Run the networks by their scalar references: slow, for comparison.")
  var reference = false
  @Flag(help: "Print how long each step of the networks takes.")
  var profile = false
  @Flag(help: "Print the summary as JSON.")
  var json = false
  @Flag(help: "Print one line of JSON, the machine and the summary, to compare boards by. Needs no place for the frames.")
  var line = false
  @Flag(help: "Print nothing but errors.")
  var quiet = false

  func validate() throws {
    guard output != nil || video != nil || contactSheet != nil || line else {
      throw ValidationError("say where the frames go: -o FOLDER, -o - for a stream, --video FILE or --contact-sheet FILE")
    }
    guard (1...100).contains(quality) else { throw ValidationError("--quality is 1 to 100, not \(quality)") }
    guard start >= 0, start.isFinite else { throw ValidationError("--start is a number of seconds from 0 on") }
    if let duration, !(duration > 0 && duration.isFinite) {
      throw ValidationError("--duration is a number of seconds above 0")
    }
    if let video, !VideoFile.canWrite(video) {
      throw ValidationError(
        "--video \(video): the name must end in \(VideoFile.endings.map { ".\($0)" }.joined(separator: ", "))")
    }
    guard video == nil || VideoFile.isAvailable else {
      throw ValidationError("--video needs ffmpeg, which is not installed (apt install ffmpeg)")
    }
    guard (1...240).contains(fps?.value ?? 25) else { throw ValidationError("--fps is 1 to 240") }
    guard output != "-" || !(json || line) else {
      throw ValidationError(
        "--\(json ? "json" : "line") prints to standard output, where -o - writes the frames: use one of them")
    }
  }

  func run() throws {
    muteLibraries()
    do {
      try TalkRun(self).run()
    } catch let error as HeadError {
      if case .cancelled = error { throw ExitCode(130) }
      printLine("\(error)")
      throw ExitCode(1)
    } catch let error as MediaError {
      printLine("\(error)")
      throw ExitCode(1)
    }
  }
}

/// How finely colour is stored, by the names people use.
enum ChromaOption: String, CaseIterable, ExpressibleByArgument {
  case c420 = "420"
  case c422 = "422"
  case c444 = "444"

  var chroma: JPEGEncoder.Chroma {
    switch self {
    case .c420: .c420
    case .c422: .c422
    case .c444: .c444
    }
  }
}

/// A number of frames per second, also as a fraction.
struct FrameRate: ExpressibleByArgument {
  var value: Double

  init?(argument: String) {
    let parts = argument.split(separator: "/", omittingEmptySubsequences: false).map { Double($0) }
    switch parts.count {
    case 1: value = parts[0] ?? .nan
    case 2: value = (parts[0] ?? .nan) / (parts[1] ?? .nan)
    default: return nil
    }
    guard value.isFinite, value > 0 else { return nil }
  }
}
