import CViseme
import Synchronization
import Viseme

extension viseme_session_options: SizedStructure {}
extension viseme_run_options: SizedStructure {}

/// The object behind a `viseme_session`.
final class SessionHandle {
  let model: ModelHandle
  let session: Session
  /// What other threads may reach.
  private let running: Mutex<Running>

  private struct Running {
    var isUnderWay = false
    /// Stops the run that is under way. Kept from run to run until it is used.
    var cancellation = Cancellation()
  }

  init(_ model: ModelHandle) {
    self.model = model
    session = Session(model.model)
    running = Mutex(Running())
  }

  /// Calls `body` with options for one run, which `cancel` ends.
  func running<Result>(
    _ given: UnsafePointer<viseme_run_options>?, _ body: (RunOptions) throws(VisemeError) -> Result
  ) throws(Failure) -> Result {
    let given = try options(
      given,
      default: viseme_run_options(struct_size: MemoryLayout<viseme_run_options>.size, time_limit_seconds: 0))
    let seconds = given.time_limit_seconds
    guard seconds >= 0 else { throw .argument("time_limit_seconds is \(seconds); give 0 for none, or more") }
    let cancellation = running.withLock { running in
      if running.cancellation.isCancelled { running.cancellation = Cancellation() }
      running.isUnderWay = true
      return running.cancellation
    }
    defer { running.withLock { $0.isUnderWay = false } }
    return try translating { () throws(VisemeError) in
      try body(RunOptions(timeLimit: seconds > 0 ? seconds : nil, cancellation: cancellation))
    }
  }

  func cancel() {
    running.withLock { running in
      if running.isUnderWay { running.cancellation.cancel() }
    }
  }
}

@_cdecl("viseme_session_create")
public func sessionCreate(
  _ model: OpaquePointer?, _ given: UnsafePointer<viseme_session_options>?,
  _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
  handOut(out) { () throws(Failure) in
    _ = try options(given, default: viseme_session_options(struct_size: MemoryLayout<viseme_session_options>.size))
    return SessionHandle(try object(model, "model"))
  }
}

@_cdecl("viseme_session_destroy")
public func sessionDestroy(_ session: OpaquePointer?) { release(session) }

@_cdecl("viseme_session_cancel")
public func sessionCancel(_ session: OpaquePointer?) {
  if let session { object(session, as: SessionHandle.self).cancel() }
}
