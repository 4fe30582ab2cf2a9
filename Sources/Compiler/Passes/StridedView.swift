import GraphIR
import Operators
import Tensors

/// A value seen as a window on another one's row-major elements, through whatever only renames or reorders axes.
struct StridedView {
  /// The value whose memory is read; row-major.
  private(set) var source: ValueID
  private(set) var shape: [Int]
  /// Elements between neighbours along each axis.
  private(set) var strides: [Int]

  /// Follows transpositions and reshapes backwards as far as strides can say what they do.
  ///
  /// - Parameter depth: how many nodes to follow at most.
  init?(_ id: ValueID, _ pattern: GraphPattern, depth: Int = 16) {
    guard let own = pattern.shape(id) else { return nil }
    if depth > 0, let index = pattern.index(making: id), let input = pattern.graph.nodes[index].inputs.first, let input {
      let implementation = pattern.graph.nodes[index].implementation
      if let transpose = implementation as? Transpose, var view = StridedView(input, pattern, depth: depth - 1) {
        let order = transpose.permutation ?? (0..<own.rank).reversed()
        (view.shape, view.strides) = (order.map { view.shape[$0] }, order.map { view.strides[$0] })
        self = view
        return
      }
      let isReshape = implementation is Reshape || implementation is Unsqueeze || implementation is Squeeze
      if isReshape, let view = StridedView(input, pattern, depth: depth - 1)?.reshaped(own.dims) {
        self = view
        return
      }
    }
    (source, shape, strides) = (id, own.dims, own.rowMajorStrides)
  }

  /// The same elements in row-major order under another shape; nil where no strides describe that.
  private func reshaped(_ target: [Int]) -> StridedView? {
    guard shape.reduce(1, *) == target.reduce(1, *), !shape.contains(0) else { return nil }
    let axes = shape.indices.filter { shape[$0] != 1 }.map { (extent: shape[$0], stride: strides[$0]) }
    var result = [Int](repeating: 0, count: target.count)
    var old = 0, new = 0
    while old < axes.count {
      let firstNew = new
      var (oldExtent, newExtent) = (axes[old].extent, 1)
      old += 1
      while oldExtent != newExtent {
        if newExtent < oldExtent {
          guard new < target.count else { return nil }
          newExtent *= target[new]
          new += 1
        } else {
          guard old < axes.count, axes[old - 1].stride == axes[old].extent * axes[old].stride else { return nil }
          oldExtent *= axes[old].extent
          old += 1
        }
      }
      var step = axes[old - 1].stride
      for axis in (firstNew..<new).reversed() {
        result[axis] = step
        step *= target[axis]
      }
    }
    var view = self
    (view.shape, view.strides) = (target, result)
    return view
  }
}
