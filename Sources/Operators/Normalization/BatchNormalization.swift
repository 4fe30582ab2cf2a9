import CKernels
import GraphIR
import Tensors

/// ONNX `BatchNormalization` with the statistics of training: a scale and a shift for each channel.
public struct BatchNormalization: AffineOperator {
  public static let signatures = [Signature("BatchNormalization")]

  let epsilon: Float
  let momentum: Float
  /// Whether the statistics are those of the batch itself (version 14 on).
  let isTraining: Bool
  /// Whether every position of a plane has parameters of its own (before version 9).
  let isPerElement: Bool

  public init(_ node: NodeReader) throws(OperatorError) {
    try node.expectInputs(5...5)
    epsilon = try node.float("epsilon", default: 1e-5)
    momentum = try node.float("momentum", default: 0.9)
    isTraining = node.version >= 14 ? try node.bool("training_mode", default: false) : false
    isPerElement = node.version < 9 ? try !node.bool("spatial", default: true) : false
    let wantsStatistics = node.node.outputs.dropFirst().contains { $0 != nil }
    let isTest = try node.bool("is_test", default: node.version >= 7)
    if node.version < 14, wantsStatistics || !isTest {
      throw node.unsupported("BatchNormalization in training is implemented from version 14 on")
    }
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let type = try context.elementType(0, in: DataType.floats)
    let dims = try context.dims(0, rank: 1...8)
    if !isPerElement {
      for index in 1...4 { try context.expectVector(index, count: dims.map { $0.count > 1 ? $0[1] : 1 }) }
    }
    let statistics = ValueType.tensor(TensorType(try context.tensor(3).dataType, try context.tensor(3).dims))
    return [try context.outputType(type, dims)]
      + Array(repeating: statistics, count: max(context.node.outputs.count - 1, 0))
  }

  public func layout(_ context: LayoutContext) -> LayoutPolicy { isPerElement || isTraining ? .rowMajor : .any }

  public func affine(constants: [Tensor?]) -> (scale: [Float], shift: [Float])? {
    guard !isTraining, !isPerElement, constants.count == 5 else { return nil }
    var parameters: [[Float]] = []
    for case let tensor? in constants[1...] where tensor.dataType == .float32 { parameters.append(tensor.elements()) }
    guard parameters.count == 4, Set(parameters.map(\.count)).count == 1 else { return nil }
    var scale = parameters[0], shift = parameters[1]
    for c in scale.indices {
      Self.affine(
        scale: parameters[0][c], bias: parameters[1][c], mean: parameters[2][c], variance: parameters[3][c], epsilon,
        &scale[c], &shift[c])
    }
    return (scale, shift)
  }

  /// `scale · (x - mean) / √(variance + ε) + bias` as a multiple of `x` and a constant.
  private static func affine(
    scale: Float, bias: Float, mean: Float, variance: Float, _ epsilon: Float, _ factor: inout Float,
    _ shift: inout Float
  ) {
    let exact = Double(scale) / (Double(variance) + Double(epsilon)).squareRoot()
    factor = Float(exact)
    shift = Float(Double(bias) - Double(mean) * exact)
  }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    if let kernel = try Widening.kernel(self, context, of: Widening.floats) { return kernel }
    try context.expectFloat32(0, 1, 2, 3, 4)
    let x = try context.input(0), y = try context.output(0)
    let channels = isPerElement ? x.shape.count(1..<x.shape.rank) : x.shape.rank > 1 ? x.shape[1] : 1
    for index in 1...4 where try context.input(index).count != channels {
      throw context.invalid("input \(index) has shape \(try context.input(index).shape) instead of [\(channels)]")
    }
    if isTraining { return try trainingKernel(context) }
    let map = ChannelMap(x: x, y: y, channels: channels, isPerElement: isPerElement)
    let inPlace: Set<Int> = x.layout == y.layout ? [0] : []
    if let (scale, shift) = affine(constants: context.inputs.map { $0?.constant }) {
      let values = context.packed("affine", byteCount: channels * 8) { bytes in
        let target = bytes.assumingMemoryBound(to: Float.self)
        for c in 0..<channels { (target[c], target[channels + c]) = (scale[c], shift[c]) }
      }
      let factors = Captured(UnsafePointer(values.base.assumingMemoryBound(to: Float.self)))
      return Kernel(inPlaceInputs: inPlace, retained: [values, map.buffer], unreadInputs: [1, 2, 3, 4]) { operands in
        map.run(operands.exec, operands.input(0), factors.value, factors.value + channels, operands.output(0))
      }
    }
    let epsilon = self.epsilon
    return Kernel(scratchByteCount: channels * 8, inPlaceInputs: inPlace, retained: [map.buffer]) { operands in
      let factors = operands.exec.pointee.scratch.assumingMemoryBound(to: Float.self)
      let scale = operands.input(1, as: Float.self), bias = operands.input(2, as: Float.self)
      let mean = operands.input(3, as: Float.self), variance = operands.input(4, as: Float.self)
      for c in 0..<channels {
        Self.affine(
          scale: scale[c], bias: bias[c], mean: mean[c], variance: variance[c], epsilon, &factors[c],
          &factors[channels + c])
      }
      map.run(operands.exec, operands.input(0), factors, factors + channels, operands.output(0))
    }
  }

  /// Normalizes by the statistics of the batch, and moves the running ones towards them.
  private func trainingKernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let shape = try context.input(0).shape
    let channels = shape.rank > 1 ? shape[1] : 1
    let batch = shape.rank > 0 ? shape[0] : 1, plane = shape.rank > 2 ? shape.count(2..<shape.rank) : 1
    let epsilon = Double(self.epsilon), momentum = Double(self.momentum)
    let hasStatistics = (0..<5).map { $0 < context.outputs.count && context.outputs[$0] != nil }
    return Kernel { operands in
      let x = operands.input(0, as: Float.self), y = operands.output(0, as: Float.self)
      for c in 0..<channels {
        var sum = 0.0, squares = 0.0
        for n in 0..<batch { for s in 0..<plane { sum += Double(x[(n * channels + c) * plane + s]) } }
        let mean = sum / Double(batch * plane)
        for n in 0..<batch {
          for s in 0..<plane {
            let deviation = Double(x[(n * channels + c) * plane + s]) - mean
            squares += deviation * deviation
          }
        }
        let variance = squares / Double(batch * plane)
        let factor = Double(operands.input(1, as: Float.self)[c]) / (variance + epsilon).squareRoot()
        let shift = Double(operands.input(2, as: Float.self)[c])
        for n in 0..<batch {
          for s in 0..<plane {
            let index = (n * channels + c) * plane + s
            y[index] = Float((Double(x[index]) - mean) * factor + shift)
          }
        }
        for output in 1...2 where hasStatistics[output] {
          let batchValue = output == 1 ? mean : variance
          let running = Double(operands.input(output + 2, as: Float.self)[c])
          operands.output(output, as: Float.self)[c] = Float(running * momentum + batchValue * (1 - momentum))
        }
      }
    }
  }
}

/// `y = factor[c] · x + shift[c]` over an image in any layout, as an elementwise program.
struct ChannelMap: @unchecked Sendable {
  /// Keeps the instruction, the extents and the strides.
  let buffer: TensorBuffer
  private let program: vz_eltwise_program
  private let rank: Int
  private let shape: UnsafePointer<Int>
  private let inputStrides: UnsafePointer<Int>
  private let outputStrides: UnsafePointer<Int>

  init(x: Operand, y: Operand, channels: Int, isPerElement: Bool = false) {
    var shape: [Int], from: [Int], to: [Int], parameter: [Int]
    let whole = x.shape
    if x.layout == y.layout, case .channelsLast(let pixel) = x.layout {
      shape = [whole[0] * whole.count(2..<whole.rank), channels]
      (from, to, parameter) = ([pixel, 1], [pixel, 1], [0, 1])
    } else if x.layout.isChannelsLast || y.layout.isChannelsLast {
      shape = whole.dims
      (from, to) = (x.strides, y.strides)
      parameter = shape.indices.map { $0 == 1 ? 1 : 0 }
    } else {
      let batch = whole.rank > 0 ? whole[0] : 1
      let plane = isPerElement || whole.rank < 3 ? 1 : whole.count(2..<whole.rank)
      shape = [batch, channels, plane]
      from = [channels * plane, plane, 1]
      (to, parameter) = (from, [0, 1, 0])
    }
    rank = shape.count
    let width = MemoryLayout<Int>.stride
    buffer = TensorBuffer(byteCount: 64 + width * rank * 5)
    let instruction = buffer.base.assumingMemoryBound(to: vz_eltwise_instruction.self)
    instruction.pointee = vz_eltwise_instruction(
      op: UInt8(VZ_ELTWISE_FMA.rawValue), dst: 3, a: 0, b: 1, c: 2, imm: 0)
    let numbers = (buffer.base + 64).assumingMemoryBound(to: Int.self)
    for (index, value) in (shape + from + parameter + parameter + to).enumerated() { numbers[index] = value }
    self.shape = UnsafePointer(numbers)
    inputStrides = UnsafePointer(numbers + rank)
    outputStrides = UnsafePointer(numbers + 4 * rank)
    var program = vz_eltwise_program()
    program.instructions = UnsafePointer(instruction)
    program.instruction_count = 1
    program.register_count = 4
    program.input_count = 3
    program.output_count = 1
    program.outputs.0 = 3
    self.program = program
  }

  func run(
    _ exec: UnsafePointer<vz_exec>, _ x: UnsafePointer<Float>, _ factor: UnsafePointer<Float>,
    _ shift: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>
  ) {
    var inputs = (UnsafeRawPointer(x), UnsafeRawPointer(factor), UnsafeRawPointer(shift))
    var output: UnsafeMutableRawPointer? = UnsafeMutableRawPointer(y)
    withUnsafePointer(to: program) { program in
      withUnsafeBytes(of: &inputs) { inputs in
        vz_eltwise_run(
          exec, program, rank, shape, inputs.baseAddress!.assumingMemoryBound(to: UnsafeRawPointer?.self), inputStrides,
          &output, outputStrides)
      }
    }
  }
}
