/// One picture of evenly spaced frames, side by side, filled while the frames go by.
public struct ContactSheet: Sendable {
  public private(set) var image: ImageRGB8
  public let columnCount: Int
  /// The frames that are shown, ascending.
  public let indices: [Int]
  private let cellWidth, cellHeight: Int

  /// - Parameters:
  ///   - frameCount: how many frames there will be.
  ///   - cellCount: how many to show; all of them if there are fewer.
  ///   - cellWidth: of one shown frame; its height keeps the proportions.
  public init(
    frameCount: Int, frameWidth: Int, frameHeight: Int, cellCount: Int = 20, columnCount: Int = 5, cellWidth: Int = 192
  ) {
    precondition(frameCount > 0 && cellCount > 0 && columnCount > 0 && cellWidth > 0)
    let cells = min(cellCount, frameCount)
    self.columnCount = min(columnCount, cells)
    self.cellWidth = cellWidth
    cellHeight = max(1, (cellWidth * frameHeight + frameWidth / 2) / frameWidth)
    indices = (0..<cells).map { cells == 1 ? frameCount / 2 : $0 * (frameCount - 1) / (cells - 1) }
    let rows = (cells + self.columnCount - 1) / self.columnCount
    image = ImageRGB8(width: self.columnCount * cellWidth, height: rows * cellHeight)
  }

  /// Shows frame `index` [height, width, 3] in its cell, if it has one.
  public mutating func add(_ rgb: UnsafeBufferPointer<UInt8>, width: Int, height: Int, index: Int) {
    guard let cell = indices.firstIndex(of: index) else { return }
    let stride = 3 * image.width
    let origin = cell / columnCount * cellHeight * stride + cell % columnCount * 3 * cellWidth
    let (across, down) = (cellWidth, cellHeight)
    image.pixels.withUnsafeMutableBufferPointer { pixels in
      ImageOps.resize(
        rgb, width: width, height: height, into: UnsafeMutableBufferPointer(rebasing: pixels[origin...]), across, down,
        stride: stride)
    }
  }

  /// Writes the sheet as a JPEG file, whole or not at all.
  public func write(to path: String, quality: Int = 90) throws(MediaError) {
    try ImageFile.writeJPEG(image, to: path, quality: quality)
  }
}
