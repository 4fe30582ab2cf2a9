import GraphIR
import Tensors

/// Reads indices that only the run knows, and refuses those out of range.
struct IndexReader: Sendable {
  private let type: DataType
  private let extent: Int
  private let input: Int
  private let node: String

  /// - Parameter extent: the extent of the axis that the indices name elements of.
  init(type: DataType, extent: Int, input: Int, _ context: KernelContext) {
    self.type = type
    self.extent = extent
    self.input = input
    node = context.node.label
  }

  /// The index at `position`, counted from the start of the axis.
  @inline(__always)
  func index(_ base: UnsafeRawPointer, _ position: Int) throws(OperatorError) -> Int {
    try resolve(Int(ElementAccess.integer(base, position, type)), extent: extent)
  }

  /// The index at `position` into an axis of another extent.
  @inline(__always)
  func index(_ base: UnsafeRawPointer, _ position: Int, extent: Int) throws(OperatorError) -> Int {
    try resolve(Int(ElementAccess.integer(base, position, type)), extent: extent)
  }

  @inline(__always)
  private func resolve(_ index: Int, extent: Int) throws(OperatorError) -> Int {
    guard index >= -extent, index < extent else {
      throw OperatorError(
        .invalid, node: node, "index \(index) in input \(input) is out of range for an extent of \(extent)")
    }
    return index < 0 ? index + extent : index
  }
}
