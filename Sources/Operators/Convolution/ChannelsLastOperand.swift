import CKernels
import GraphIR
import Tensors

/// An image operand as the convolution drivers read it: channels innermost. One that lies otherwise is copied through
/// scratch memory.
struct ChannelsLastOperand: Sendable {
  /// Floats between neighbouring pixels, rows, slices of a volume, and images.
  private(set) var pixel = 0
  private(set) var row = 0
  private(set) var slice = 0
  private(set) var image = 0
  private var staging: Staging?

  private struct Staging: Sendable {
    /// Bytes from the begin of the scratch memory to the copy.
    var offset: Int
    /// Images, pixels, channels.
    var shape: [Int]
    var own: [Int]
    var copy: [Int]
  }

  init(_ operand: Operand, _ plan: inout ScratchPlan) {
    let shape = operand.shape
    let plane = shape.count(2..<shape.rank), channels = shape[1]
    // With one pixel or one channel both layouts are the same memory.
    if operand.layout.isChannelsLast || plane == 1 || channels == 1 {
      let strides = operand.strides
      pixel = operand.layout.isChannelsLast ? strides[shape.rank - 1] : channels
      setExtents(shape)
    } else {
      pixel = channels
      setExtents(shape)
      staging = Staging(
        offset: plan.reserve(floats: shape.count), shape: [shape[0], plane, channels],
        own: [channels * plane, 1, plane], copy: [channels * plane, channels, 1])
    }
  }

  private mutating func setExtents(_ shape: Shape) {
    row = pixel * shape[shape.rank - 1]
    slice = row * (shape.rank > 3 ? shape[shape.rank - 2] : 1)
    image = slice * (shape.rank > 4 ? shape[shape.rank - 3] : 1)
  }

  /// The operand's floats, channels innermost.
  func read(
    _ memory: UnsafeRawPointer, _ exec: UnsafePointer<vz_exec>, _ scratch: UnsafeMutableRawPointer?
  ) -> UnsafePointer<Float> {
    guard let staging, let scratch else { return memory.assumingMemoryBound(to: Float.self) }
    let copy = scratch + staging.offset
    vz_copy_strided(exec, 4, 3, staging.shape, memory, staging.own, copy, staging.copy)
    return UnsafePointer(copy.assumingMemoryBound(to: Float.self))
  }

  /// Where the operand's floats are to be written, channels innermost.
  func target(
    _ memory: UnsafeMutableRawPointer, _ scratch: UnsafeMutableRawPointer?
  ) -> UnsafeMutablePointer<Float> {
    guard let staging, let scratch else { return memory.assumingMemoryBound(to: Float.self) }
    return (scratch + staging.offset).assumingMemoryBound(to: Float.self)
  }

  /// Brings what was written to `target` to the operand's own memory.
  func write(_ target: UnsafeMutablePointer<Float>, to memory: UnsafeMutableRawPointer, _ exec: UnsafePointer<vz_exec>) {
    guard let staging else { return }
    vz_copy_strided(exec, 4, 3, staging.shape, target, staging.copy, memory, staging.own)
  }
}
