import GraphIR
import Tensors

/// How a window slides over the spatial axes: the attributes that convolutions and pools share, checked.
struct SlidingWindow: Hashable, Sendable {
  enum Padding: Hashable, Sendable {
    /// Begin of every axis, then end of every axis; empty for no padding.
    case explicit([Int])
    case sameUpper
    case sameLower
    case valid
  }

  /// The largest extent of a spatial axis; products of two stay far inside `Int`.
  static let largestExtent = 1 << 31
  /// The largest kernel extent, stride, dilation or pad.
  static let largestAttribute = 1 << 24

  var kernel: [Int]?
  var strides: [Int]?
  var dilations: [Int]?
  var padding: Padding
  /// Whether a last window that leaves the padded input still counts.
  var roundsUp: Bool

  init(_ node: NodeReader) throws(OperatorError) {
    func positive(_ name: String) throws(OperatorError) -> [Int]? {
      guard let values = try node.ints(name) else { return nil }
      guard values.allSatisfy({ 1...Self.largestAttribute ~= $0 }) else {
        throw node.invalid("attribute “\(name)” is \(values); every value must be from 1 to \(Self.largestAttribute)")
      }
      return values
    }
    kernel = try positive("kernel_shape")
    strides = try positive("strides")
    dilations = try positive("dilations")
    roundsUp = try node.bool("ceil_mode", default: false)
    let pads = try node.ints("pads") ?? []
    guard pads.allSatisfy({ 0...Self.largestAttribute ~= $0 }) else {
      throw node.invalid("attribute “pads” is \(pads); every value must be from 0 to \(Self.largestAttribute)")
    }
    switch try node.string("auto_pad", default: "NOTSET") {
    case "NOTSET", "": padding = .explicit(pads)
    case "SAME_UPPER": padding = .sameUpper
    case "SAME_LOWER": padding = .sameLower
    case "VALID": padding = .valid
    case let other: throw node.invalid("attribute “auto_pad” is “\(other)”")
    }
    let ranks = Set([kernel?.count, strides?.count, dilations?.count, pads.isEmpty ? nil : pads.count / 2].compactMap { $0 })
    guard ranks.count <= 1, pads.count % 2 == 0 else {
      throw node.invalid("the attributes kernel_shape, strides, dilations and pads are for different numbers of axes")
    }
  }

  /// The number of spatial axes that the attributes are for, if any says.
  var rank: Int? {
    if let count = kernel?.count ?? strides?.count ?? dilations?.count { return count }
    if case .explicit(let pads) = padding, !pads.isEmpty { return pads.count / 2 }
    return nil
  }

  /// The window along one spatial axis, or nil when it does not fit into the padded input.
  ///
  /// - Parameter rank: how many spatial axes there are.
  func axis(_ axis: Int, of rank: Int, input: Int, kernel: Int) -> WindowAxis? {
    let stride = strides?[axis] ?? 1, dilation = dilations?[axis] ?? 1
    let reach = (kernel - 1) * dilation + 1
    guard input <= Self.largestExtent, kernel >= 1, kernel <= Self.largestExtent else { return nil }
    var window = WindowAxis(input: input, output: 0, kernel: kernel, stride: stride, dilation: dilation)
    switch padding {
    case .sameUpper, .sameLower:
      window.output = (input + stride - 1) / stride
      let total = max((window.output - 1) * stride + reach - input, 0)
      window.padBefore = padding == .sameUpper ? total / 2 : total - total / 2
      window.padAfter = total - window.padBefore
      return window
    case .explicit(let pads) where !pads.isEmpty:
      window.padBefore = pads[axis]
      window.padAfter = pads[axis + rank]
    case .explicit, .valid: break
    }
    let span = input + window.padBefore + window.padAfter - reach
    guard span >= 0 else { return nil }
    window.output = span / stride + 1
    // A window that would start behind the input and its leading padding sees nothing.
    if roundsUp, span % stride != 0, window.output * stride < input + window.padBefore { window.output += 1 }
    return window
  }

  /// Output extents along the spatial axes, as far as the input's are known.
  func outputs(
    of spatial: [Dimension], kernel: [Int], _ context: InferenceContext
  ) throws(OperatorError) -> [Dimension] {
    try expect(rank: spatial.count, kernel: kernel, context.node)
    var result: [Dimension] = []
    for (index, dim) in spatial.enumerated() {
      guard let extent = dim.value else {
        result.append(keepsExtent(index, of: spatial.count, kernel: kernel[index]) ? dim : .unknown)
        continue
      }
      guard let window = axis(index, of: spatial.count, input: extent, kernel: kernel[index]) else {
        throw context.invalid(
          "a window of \(kernel[index]) does not fit into extent \(extent) of spatial axis \(index) with its padding")
      }
      result.append(.fixed(window.output))
    }
    return result
  }

  /// The window along every spatial axis.
  func axes(of spatial: ArraySlice<Int>, kernel: [Int], _ context: KernelContext) throws(OperatorError) -> [WindowAxis] {
    try expect(rank: spatial.count, kernel: kernel, context.node)
    var result: [WindowAxis] = []
    for (index, extent) in spatial.enumerated() {
      guard let window = axis(index, of: spatial.count, input: extent, kernel: kernel[index]) else {
        throw context.invalid(
          "a window of \(kernel[index]) does not fit into extent \(extent) of spatial axis \(index) with its padding")
      }
      result.append(window)
    }
    return result
  }

  /// Throws when attributes or kernel are not for `rank` spatial axes.
  func expect(rank: Int, kernel: [Int], _ node: Node) throws(OperatorError) {
    guard (self.rank ?? rank) == rank, kernel.count == rank else {
      throw OperatorError(
        .invalid, node: node.label,
        "the window has \(self.rank ?? kernel.count) axes, but the input has \(rank) spatial axes")
    }
    if let own = self.kernel, own != kernel {
      throw OperatorError(
        .invalid, node: node.label, "attribute “kernel_shape” is \(own), but the weights are for \(kernel)")
    }
  }

  private func keepsExtent(_ axis: Int, of rank: Int, kernel: Int) -> Bool {
    guard (strides?[axis] ?? 1) == 1 else { return false }
    switch padding {
    case .sameUpper, .sameLower: return true
    case .valid: return kernel == 1
    case .explicit(let pads):
      let total = pads.isEmpty ? 0 : pads[axis] + pads[axis + rank]
      return total == (kernel - 1) * (dilations?[axis] ?? 1)
    }
  }
}

/// A sliding window along one spatial axis: output `o` sees inputs `o · stride - padBefore + k · dilation`.
struct WindowAxis: Hashable, Sendable {
  var input: Int
  var output: Int
  var kernel: Int
  var stride: Int
  var dilation: Int
  var padBefore = 0
  var padAfter = 0
}
