/// The extents of a tensor, outermost first. A scalar has none.
public struct Shape: Hashable, Sendable {
  public var dims: [Int]

  public init(_ dims: [Int]) { self.dims = dims }

  public var rank: Int { dims.count }

  /// Number of elements.
  ///
  /// - Precondition: the product fits in `Int`; shapes of untrusted origin go through `checkedCount` first.
  public var count: Int { dims.reduce(1, *) }

  /// Number of elements, or nil when an extent is negative or the product overflows.
  public var checkedCount: Int? {
    var product = 1
    var isEmpty = false
    for extent in dims {
      guard extent >= 0 else { return nil }
      if extent == 0 { isEmpty = true; continue }
      let (next, overflow) = product.multipliedReportingOverflow(by: extent)
      guard !overflow else { return nil }
      product = next
    }
    return isEmpty ? 0 : product
  }

  /// Elements between neighbours along each axis when the tensor is dense and row-major.
  public var rowMajorStrides: [Int] {
    var strides = [Int](repeating: 1, count: rank)
    var step = 1
    for axis in dims.indices.reversed() {
      strides[axis] = step
      step *= max(dims[axis], 1)
    }
    return strides
  }

  /// The axis that `axis` means when negative numbers count from the end; nil outside `-rank ..< rank`.
  public func normalized(axis: Int) -> Int? {
    let resolved = axis < 0 ? axis + rank : axis
    return dims.indices.contains(resolved) ? resolved : nil
  }

  /// The product of the extents in `range`.
  public func count(_ range: Range<Int>) -> Int { dims[range].reduce(1, *) }

  public subscript(axis: Int) -> Int { dims[axis] }

  /// The shape both operands of an elementwise operator broadcast to (NumPy's rule), or nil when they do not fit.
  public func broadcast(with other: Shape) -> Shape? {
    let rank = Swift.max(self.rank, other.rank)
    var result = [Int](repeating: 1, count: rank)
    for fromEnd in 1...Swift.max(rank, 1) where fromEnd <= rank {
      let a = fromEnd <= self.rank ? dims[self.rank - fromEnd] : 1
      let b = fromEnd <= other.rank ? other.dims[other.rank - fromEnd] : 1
      guard a == b || a == 1 || b == 1 else { return nil }
      result[rank - fromEnd] = a == 1 ? b : a
    }
    return Shape(result)
  }
}

extension Shape: ExpressibleByArrayLiteral {
  public init(arrayLiteral elements: Int...) { self.init(elements) }
}

extension Shape: CustomStringConvertible {
  public var description: String { "[" + dims.map(String.init).joined(separator: ",") + "]" }
}
