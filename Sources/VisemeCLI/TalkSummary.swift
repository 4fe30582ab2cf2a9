import Head
import Inspection

/// What a talk made and what it cost.
struct TalkSummary: Encodable {
  var frames: Int
  var width: Int
  var height: Int
  var fps: Double
  /// Seconds of film.
  var filmSeconds: Double
  /// Seconds from the start of the program.
  var wallSeconds: Double
  var firstFrameSeconds: Double
  var framesPerSecond: Double
  /// Seconds of film made in a second.
  var realTimeFactor: Double
  var peakMemoryBytes: Int
  var head: String
  var portrait: String
  var speech: String
  var output: String?
  var contactSheet: String?
  var video: String?

  init(job: TalkJob, options: TalkCommand, frames: Int, seconds: Double, firstFrameSeconds: Double) {
    self.frames = frames
    width = job.width
    height = job.height
    fps = job.fps
    filmSeconds = Double(frames) / job.fps
    wallSeconds = seconds
    self.firstFrameSeconds = firstFrameSeconds
    framesPerSecond = Double(frames) / max(seconds, 1e-9)
    realTimeFactor = filmSeconds / max(seconds, 1e-9)
    peakMemoryBytes = peakMemoryByteCount()
    head = job.bundle.folder
    portrait = job.portraitPath
    speech = job.speechPath
    output = options.output
    contactSheet = options.contactSheet
    video = options.video
  }

  var text: String {
    var lines = [
      "\(frames) frames of \(width) × \(height) at \(fps.short) fps: \(filmSeconds.short) s of film in \(wallSeconds.short) s, "
        + "\(framesPerSecond.short) frames a second, \(realTimeFactor.short) times real time; "
        + "first frame after \((firstFrameSeconds * 1000).rounded().short) ms; peak memory \(peakMemoryBytes >> 20) MiB"
    ]
    if let output, output != "-" { lines.append("frames         \(output)") }
    if let contactSheet { lines.append("contact sheet  \(contactSheet)") }
    if let video { lines.append("video          \(video)") }
    return lines.joined(separator: "\n")
  }
}

extension Double {
  /// At most two decimals.
  var short: String {
    let hundredths = (self * 100).rounded()
    guard hundredths.magnitude < 1e15 else { return "\(self)" }
    let whole = Int(hundredths)
    let (units, part) = (abs(whole) / 100, abs(whole) % 100)
    let decimals = part == 0 ? "" : part % 10 == 0 ? ".\(part / 10)" : part < 10 ? ".0\(part)" : ".\(part)"
    return (whole < 0 ? "-" : "") + "\(units)" + decimals
  }
}
