/// Where JPEG frames go.
public protocol FrameSink: AnyObject {
  /// Takes frame `index` (0, 1, …). The bytes are the caller's again on return. A frame arrives whole or not at all.
  func write(_ jpeg: UnsafeRawBufferPointer, index: Int) throws(MediaError)

  /// Tells the sink that no frame follows.
  func finish() throws(MediaError)
}
