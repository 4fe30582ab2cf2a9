extension Array {
  /// `withUnsafeBufferPointer` for a body that throws a `MediaError`; before Swift 6.1 that one forgets the type.
  func withBuffer<Result>(
    _ body: (UnsafeBufferPointer<Element>) throws(MediaError) -> Result
  ) throws(MediaError) -> Result {
    var result: Result?
    var problem: MediaError?
    withUnsafeBufferPointer { buffer in
      do throws(MediaError) {
        result = try body(buffer)
      } catch {
        problem = error
      }
    }
    if let problem { throw problem }
    return result!
  }
}
