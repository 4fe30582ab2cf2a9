import Viseme

/// Makes the frames of one talk, in order.
protocol FramePipeline: AnyObject {
  var width: Int { get }
  var height: Int { get }
  /// The networks that run while frames are made, by name.
  var invocations: [(name: String, invocation: Invocation)] { get }
  /// The next frame, RGB rows of `width` pixels, valid until the next call; nil after the last.
  func next() throws(HeadError) -> UnsafeBufferPointer<UInt8>?
}
