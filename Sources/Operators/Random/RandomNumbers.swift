import GraphIR
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Numbers that look random: the same for the same seed and place, however the work is divided.
///
/// The seed is the node's attribute `seed`. A node without one gets a seed from its name and its first output, so that
/// runs can be repeated and nodes differ.
struct RandomNumbers: Hashable, Sendable {
  private let seed: UInt64

  init(_ node: NodeReader) throws(OperatorError) {
    self.init(seed: try node.float("seed").map { Int($0.bitPattern) }, node)
  }

  init(seed: Int?, _ node: NodeReader) {
    if let seed {
      self.seed = Self.mixed(UInt64(bitPattern: Int64(seed)))
      return
    }
    // FNV-1a.
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in node.node.name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    let output = node.node.outputs.lazy.compactMap { $0?.index }.first ?? 0
    self.seed = Self.mixed(hash ^ UInt64(output))
  }

  /// The output of splitmix64 for a state.
  private static func mixed(_ state: UInt64) -> UInt64 {
    var z = state &+ 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Number `index` of the uniform distribution from 0 up to but not including 1.
  @inline(__always)
  func uniform(_ index: Int) -> Double {
    Double(Self.mixed(seed &+ UInt64(truncatingIfNeeded: index) &* 0x9E37_79B9_7F4A_7C15) >> 11) * 0x1p-53
  }

  /// Number `index` of the normal distribution of mean 0 and deviation 1.
  func normal(_ index: Int) -> Double {
    // 1 - u is never 0.
    (-2 * log(1 - uniform(2 * index))).squareRoot() * cos(2 * .pi * uniform(2 * index + 1))
  }
}
