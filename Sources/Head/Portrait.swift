import Media

/// A picture to be animated, and where its face is.
public struct Portrait: Sendable {
  public var image: ImageRGB8
  public var landmarks: Landmarks?

  public init(image: ImageRGB8, landmarks: Landmarks? = nil) {
    self.image = image
    self.landmarks = landmarks
  }
}
