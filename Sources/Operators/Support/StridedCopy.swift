import CKernels
import GraphIR
import Tensors

/// One box of elements copied from an input to an output, or an output's box filled with one element.
struct StridedCopy: Sendable {
  private enum Source {
    case input(Int, byteOffset: Int)
    /// The first element of an input.
    case element(Int)
    case value(TensorBuffer)
  }

  private let source: Source
  private let output: Int
  private let outputByteOffset: Int
  private let elementByteCount: Int
  /// Strides of the source, then of the output.
  private let space: StridedSpace

  /// Copies a box of extents `shape`; offsets and strides are in elements.
  init(
    shape: [Int], elementByteCount: Int, from input: Int, offset: Int, strides: [Int], to output: Int,
    outputOffset: Int, outputStrides: [Int]
  ) {
    source = .input(input, byteOffset: offset * elementByteCount)
    self.output = output
    outputByteOffset = outputOffset * elementByteCount
    self.elementByteCount = elementByteCount
    space = StridedSpace(shape: shape, strides: [strides, outputStrides])
  }

  /// Fills a box with the first element of `input`, or without one with zero bytes.
  init(
    shape: [Int], elementByteCount: Int, filledWith input: Int?, to output: Int, outputOffset: Int, outputStrides: [Int]
  ) {
    source = input.map { .element($0) } ?? .value(Self.zeros)
    self.output = output
    outputByteOffset = outputOffset * elementByteCount
    self.elementByteCount = elementByteCount
    space = StridedSpace(shape: shape, strides: [outputStrides])
  }

  /// Fills a box with the first element of `value`.
  init(
    shape: [Int], value: TensorBuffer, elementByteCount: Int, to output: Int, outputOffset: Int, outputStrides: [Int]
  ) {
    source = .value(value)
    self.output = output
    outputByteOffset = outputOffset * elementByteCount
    self.elementByteCount = elementByteCount
    space = StridedSpace(shape: shape, strides: [outputStrides])
  }

  private static let zeros = TensorBuffer(byteCount: 16)

  var isEmpty: Bool { space.isEmpty }

  func run(_ operands: Operands) {
    guard !isEmpty else { return }
    let target = operands.rawOutput(output) + outputByteOffset
    switch source {
    case .input(let input, let byteOffset): copy(operands.rawInput(input) + byteOffset, target, operands.exec)
    case .element(let input): fill(operands.rawInput(input), target, operands.exec)
    case .value(let buffer): fill(UnsafeRawPointer(buffer.base), target, operands.exec)
    }
  }

  private func copy(_ from: UnsafeRawPointer, _ to: UnsafeMutableRawPointer, _ exec: UnsafePointer<vz_exec>) {
    let innerRank = min(space.rank, VZ_COPY_MAX_RANK)
    let outerRank = space.rank - innerRank
    space.shape.withUnsafeBufferPointer { shape in
      space.strides[0].withUnsafeBufferPointer { sourceStrides in
        space.strides[1].withUnsafeBufferPointer { targetStrides in
          space.forEachOuterIndex(innerRank: innerRank) { offsets in
            vz_copy_strided(
              exec, elementByteCount, innerRank, shape.baseAddress! + outerRank, from + offsets[0] * elementByteCount,
              sourceStrides.baseAddress! + outerRank, to + offsets[1] * elementByteCount,
              targetStrides.baseAddress! + outerRank)
          }
        }
      }
    }
  }

  private func fill(_ value: UnsafeRawPointer, _ to: UnsafeMutableRawPointer, _ exec: UnsafePointer<vz_exec>) {
    let innerRank = min(space.rank, VZ_COPY_MAX_RANK)
    let outerRank = space.rank - innerRank
    space.shape.withUnsafeBufferPointer { shape in
      space.strides[0].withUnsafeBufferPointer { targetStrides in
        space.forEachOuterIndex(innerRank: innerRank) { offsets in
          vz_fill_strided(
            exec, elementByteCount, innerRank, shape.baseAddress! + outerRank, value,
            to + offsets[0] * elementByteCount, targetStrides.baseAddress! + outerRank)
        }
      }
    }
  }
}

extension Kernel {
  /// A kernel that runs copies one after the other.
  static func copies(_ steps: [StridedCopy], unreadInputs: Set<Int> = []) -> Kernel {
    let steps = steps.filter { !$0.isEmpty }
    return Kernel(unreadInputs: unreadInputs) { operands in
      for step in steps { step.run(operands) }
    }
  }

  /// Output 0 as a box of input `input` that starts at element `offset` and has these strides: a view where memory
  /// allows it, else a copy.
  static func box(
    of input: Int, offset: Int, strides: [Int], unreadInputs: Set<Int> = [], _ context: KernelContext
  ) throws(OperatorError) -> Kernel {
    let (operand, output) = (try context.input(input), try context.output(0))
    let width = try context.movableByteCount(output.dataType)
    let own = output.strides
    let lies = strides.indices.allSatisfy { output.shape[$0] <= 1 || strides[$0] == own[$0] }
    // Another tensor's channels could lie between those of a channels-last view.
    let isWhole =
      !output.layout.isChannelsLast || output.shape.rank < 2 || operand.shape.rank < 2
      || !operand.layout.isChannelsLast || operand.shape[1] == output.shape[1]
    if lies, isWhole, output.shape.count > 0, offset * width + output.byteCount <= operand.byteCount {
      var kernel = Kernel.view(of: input, byteOffset: offset * width)
      kernel.unreadInputs = unreadInputs
      return kernel
    }
    return .copies(
      [
        StridedCopy(
          shape: output.shape.dims, elementByteCount: width, from: input, offset: offset, strides: strides, to: 0,
          outputOffset: 0, outputStrides: own)
      ], unreadInputs: unreadInputs)
  }
}
