import CKernels
import GraphIR
import Tensors

/// A program over float32 and bool arrays, ready for `vz_eltwise_run`.
///
/// Owns the memory that the C structure points to.
final class ElementwiseKernel: @unchecked Sendable {
  private let instructions: UnsafeMutablePointer<vz_eltwise_instruction>
  private var program = vz_eltwise_program()
  private let shape: [Int]
  private let inputStrides: [Int]
  private let outputStrides: [Int]
  /// The node's input for each input of the program.
  private let sources: [Int]

  /// Nil when the kernels cannot run it: other types, too many registers or axes.
  ///
  /// - Parameter strides: for every input of the program, then for every output, over `shape`.
  init?(
    _ source: ElementwiseProgram, inputTypes: [DataType], outputTypes: [DataType], sources: [Int], shape: [Int],
    strides: [[Int]]
  ) {
    guard source.fitsKernel else { return nil }
    let space = StridedSpace(shape: shape, strides: strides)
    guard space.rank <= VZ_ELTWISE_MAX_RANK else { return nil }
    var types: [UInt8] = []
    for type in inputTypes + outputTypes {
      guard let code = Self.typeCode(type) else { return nil }
      types.append(code)
    }
    let code = source.lowered
    instructions = .allocate(capacity: max(code.instructions.count, 1))
    for (index, step) in code.instructions.enumerated() {
      (instructions + index).initialize(
        to: vz_eltwise_instruction(
          op: UInt8(step.operation.rawValue), dst: UInt8(step.target), a: UInt8(step.a), b: UInt8(step.b),
          c: UInt8(step.c), imm: step.immediate))
    }
    self.sources = sources
    self.shape = space.shape
    inputStrides = space.strides.prefix(sources.count).flatMap { $0 }
    outputStrides = space.strides.dropFirst(sources.count).flatMap { $0 }
    program.instructions = UnsafePointer(instructions)
    program.instruction_count = UInt8(code.instructions.count)
    program.register_count = UInt8(code.registerCount)
    program.input_count = UInt8(inputTypes.count)
    program.output_count = UInt8(outputTypes.count)
    withUnsafeMutableBytes(of: &program.input_types) { $0.copyBytes(from: types.prefix(inputTypes.count)) }
    withUnsafeMutableBytes(of: &program.output_types) { $0.copyBytes(from: types.dropFirst(inputTypes.count)) }
    withUnsafeMutableBytes(of: &program.outputs) { $0.copyBytes(from: code.outputs.map(UInt8.init)) }
    guard vz_eltwise_is_valid(&program) else { return nil }
  }

  deinit { instructions.deallocate() }

  private static func typeCode(_ type: DataType) -> UInt8? {
    switch type {
    case .float32: UInt8(VZ_ELTWISE_F32.rawValue)
    case .bool, .uint8: UInt8(VZ_ELTWISE_U8.rawValue)
    case .int8: UInt8(VZ_ELTWISE_S8.rawValue)
    case .uint16: UInt8(VZ_ELTWISE_U16.rawValue)
    case .int16: UInt8(VZ_ELTWISE_S16.rawValue)
    default: nil
    }
  }

  func run(_ operands: Operands) {
    let outputCount = Int(program.output_count)
    withUnsafeTemporaryAllocation(of: UnsafeRawPointer?.self, capacity: sources.count + outputCount) { pointers in
      for (index, source) in sources.enumerated() { pointers[index] = operands.rawInput(source) }
      for index in 0..<outputCount { pointers[sources.count + index] = UnsafeRawPointer(operands.rawOutput(index)) }
      let outputs = UnsafeRawPointer(pointers.baseAddress! + sources.count)
        .assumingMemoryBound(to: UnsafeMutableRawPointer?.self)
      shape.withUnsafeBufferPointer { extents in
        extents.withMemoryRebound(to: Int.self) { extents in
          vz_eltwise_run(
            operands.exec, &program, shape.count,
            UnsafeRawPointer(extents.baseAddress!).assumingMemoryBound(to: Int.self), pointers.baseAddress,
            inputStrides, outputs, outputStrides)
        }
      }
    }
  }
}
