import Tensors

/// Every index of a shape, in row-major order.
func indices(of shape: Shape) -> [[Int]] {
  (0..<shape.count).map { position in
    var (rest, index) = (position, [Int](repeating: 0, count: shape.rank))
    for axis in shape.dims.indices.reversed() {
      index[axis] = rest % shape[axis]
      rest /= shape[axis]
    }
    return index
  }
}

/// The row-major position of an index.
func position(of index: [Int], in shape: Shape) -> Int {
  zip(index, shape.dims).reduce(0) { $0 * $1.1 + $1.0 }
}

/// A tensor of small whole numbers, each made from its index.
func made(_ shape: Shape, _ value: ([Int]) -> Int) -> Tensor {
  Tensor(indices(of: shape).map { Float(value($0)) }, shape: shape)
}

/// A tensor whose elements are their own positions.
func numbered(_ shape: Shape) -> Tensor { made(shape) { position(of: $0, in: shape) } }

func int64s(_ values: [Int], shape: Shape? = nil) -> Tensor { Tensor(values.map(Int64.init), shape: shape) }
