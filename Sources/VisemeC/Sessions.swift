import CViseme
import Viseme

extension viseme_session_options: SizedStructure {}
extension viseme_run_options: SizedStructure {}

/// The object behind a `viseme_session`.
final class SessionHandle {
  let model: ModelHandle
  let session: Session

  init(_ model: ModelHandle) {
    self.model = model
    session = Session(model.model)
  }
}

@_cdecl("viseme_session_create")
public func sessionCreate(
  _ model: OpaquePointer?, _ options: UnsafePointer<viseme_session_options>?,
  _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
  handOut(out) { () throws(Failure) in SessionHandle(try object(model, "model")) }
}

@_cdecl("viseme_session_destroy")
public func sessionDestroy(_ session: OpaquePointer?) { release(session) }
