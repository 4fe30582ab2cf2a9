import Head
import Media
import Viseme

/// One run of `viseme talk`: opens, draws, encodes, writes, and says how it went.
struct TalkRun {
  private let options: TalkCommand
  private let watch = Stopwatch()

  init(_ options: TalkCommand) { self.options = options }

  func run() throws {
    Interruption.watch()
    try options.threading.pin()
    let machine = options.line ? MachineWatch() : nil
    let job = try TalkJob(request)
    let encoder = try JPEGEncoder(
      width: job.width, height: job.height, quality: options.quality, chroma: options.chroma.chroma)
    var sinks: [any FrameSink] = []
    var directory: FrameDirectory?
    if options.output == "-" {
      sinks.append(FrameStream())
    } else if let folder = options.output {
      let opened = try FrameDirectory(path: folder)
      directory = opened
      sinks.append(opened)
    }
    if let video = options.video {
      sinks.append(
        try VideoFile(
          path: video, fps: job.fps, speech: job.speechPath, start: options.start, duration: options.duration))
    }
    var sheet = options.contactSheet.map { _ in
      ContactSheet(
        frameCount: job.expectedFrameCount ?? 1, frameWidth: job.width, frameHeight: job.height)
    }

    let profiles = options.profile ? job.invocations.map { ($0.name, StepProfile($0.invocation.plan)) } : []
    for (profile, entry) in zip(profiles, job.invocations) { entry.invocation.observer = profile.1 }

    var progress = ProgressLine(isShown: !options.quiet && !options.json && !options.line, total: job.expectedFrameCount)
    var firstFrame: Double?
    var count = 0
    while let frame = try job.nextFrame() {
      let jpeg = try encoder.encode(frame)
      for sink in sinks { try sink.write(jpeg, index: count) }
      sheet?.add(frame, width: job.width, height: job.height, index: count)
      count += 1
      if firstFrame == nil { firstFrame = watch.seconds }
      progress.show(count, seconds: watch.seconds)
      if Interruption.isRequested {
        progress.finish()
        printError("stopped after \(count) frames; all of them are whole")
        throw HeadError.cancelled
      }
    }
    for sink in sinks { try sink.finish() }
    if let path = options.contactSheet { try sheet?.write(to: path) }
    progress.finish()
    if let directory, let stale = try? directory.staleFrames(), !stale.isEmpty, !options.quiet {
      printError("note: \(directory.path) also holds \(stale.count) frames of an earlier, longer run, from \(stale[0]) on")
    }
    for (name, profile) in profiles { printError("\(name)\n\(profile.table())") }
    let summary = TalkSummary(
      job: job, options: options, frames: count, seconds: watch.seconds, firstFrameSeconds: firstFrame ?? watch.seconds)
    if let machine {
      print(machine.line(threads: options.threading.threads, summary).json)
    } else if options.json {
      print(jsonText(summary))
    } else if !options.quiet {
      printError(summary.text)
    }
  }

  private var request: TalkRequest {
    var request = TalkRequest()
    request.head = options.head
    request.portrait = options.portrait
    request.landmarks = options.landmarks
    request.speech = options.speech
    request.fps = options.fps?.value
    request.start = options.start
    request.duration = options.duration
    request.seed = options.seed
    request.threads = options.threading.threads
    request.isReference = options.reference
    return request
  }
}
