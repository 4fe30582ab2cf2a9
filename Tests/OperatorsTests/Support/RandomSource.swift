import Tensors

/// Repeatable random numbers: the same seed gives the same test.
struct RandomSource: RandomNumberGenerator {
  private var state: UInt64

  init(seed: Int) { state = UInt64(bitPattern: Int64(seed)) &* 0x9E37_79B9_7F4A_7C15 }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func int(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }
  mutating func bool() -> Bool { Bool.random(using: &self) }
  mutating func pick<T>(_ choices: [T]) -> T { choices.randomElement(using: &self)! }

  /// Floats between -1 and 1.
  mutating func tensor(_ shape: Shape, in range: ClosedRange<Float> = -1...1) -> Tensor {
    Tensor((0..<shape.count).map { _ in Float.random(in: range, using: &self) }, shape: shape)
  }

  mutating func tensor<Element: TensorElement & FixedWidthInteger>(
    _ shape: Shape, in range: ClosedRange<Element>
  ) -> Tensor {
    Tensor((0..<shape.count).map { _ in Element.random(in: range, using: &self) }, shape: shape)
  }
}
