import CKernels
import GraphIR
import Tensors

/// Runs an operator that has kernels for float32 on operands of other types: converted before, rounded once after.
enum Widening {
  /// Floats of 16 bits, of which float32 holds every one.
  static let narrow: Set<DataType> = [.float16, .bfloat16]
  /// float64 as well, which is computed with the precision and the range of float32.
  static let floats: Set<DataType> = [.float16, .bfloat16, .float64]

  /// The kernel of `operation` between conversions, or nil when there is nothing to convert.
  ///
  /// - Parameters:
  ///   - types: the element types to convert.
  ///   - inputs: the inputs to look at; all by default. Outputs always are.
  static func kernel(
    _ operation: some Operator, _ context: KernelContext, of types: Set<DataType> = narrow, inputs: Set<Int>? = nil
  ) throws(OperatorError) -> Kernel? {
    func isConverted(_ operand: Operand?, input: Int? = nil) -> Bool {
      guard let operand, types.contains(operand.dataType) else { return false }
      return input.map { inputs?.contains($0) ?? true } ?? true
    }
    let converted = (
      inputs: context.inputs.enumerated().map { isConverted($0.element, input: $0.offset) },
      outputs: context.outputs.map { isConverted($0) }
    )
    guard converted.inputs.contains(true) || converted.outputs.contains(true) else { return nil }
    func wide(_ operands: [Operand?], _ flags: [Bool]) -> [Operand?] {
      zip(operands, flags).map { operand, isConverted in isConverted ? operand.map(widened) : operand }
    }
    let wideContext = KernelContext(
      node: context.node, inputs: wide(context.inputs, converted.inputs),
      outputs: wide(context.outputs, converted.outputs), target: context.target, weights: WeightCache(names: []))
    let inner = try operation.kernel(wideContext)
    guard case .compute(let body) = inner.effect else {
      throw context.unsupported("\(context.node.operatorName) of this element type is not implemented")
    }
    var plan = ScratchPlan()
    _ = plan.reserve(inner.scratchByteCount)
    let inputs = context.inputs.enumerated().map { index, operand in
      converted.inputs[index] && !inner.unreadInputs.contains(index) ? operand.map { Conversion($0, &plan) } : nil
    }
    let outputs = context.outputs.enumerated().map { index, operand in
      converted.outputs[index] ? operand.map { Conversion($0, &plan) } : nil
    }
    let innerByteCount = inner.scratchByteCount, inputCount = inputs.count, count = inputCount + outputs.count
    let unread = inner.unreadInputs
    return Kernel(
      scratchByteCount: plan.byteCount, retained: inner.retained, unreadInputs: unread
    ) { operands throws(OperatorError) in
      var exec = operands.exec.pointee
      let memory = exec.scratch!
      exec.scratch_bytes = innerByteCount
      var failure: OperatorError?
      withUnsafeTemporaryAllocation(of: UnsafeMutableRawPointer?.self, capacity: max(count, 1)) { pointers in
        for index in 0..<inputCount {
          guard !unread.contains(index), operands.hasInput(index) else { pointers[index] = nil; continue }
          if let conversion = inputs[index] {
            conversion.widen(operands.rawInput(index), memory)
            pointers[index] = memory + conversion.offset
          } else {
            pointers[index] = UnsafeMutableRawPointer(mutating: operands.rawInput(index))
          }
        }
        for index in outputs.indices {
          guard operands.hasOutput(index) else { pointers[inputCount + index] = nil; continue }
          pointers[inputCount + index] = outputs[index].map { memory + $0.offset } ?? operands.rawOutput(index)
        }
        do throws(OperatorError) {
          try body(Operands(pointers: UnsafePointer(pointers.baseAddress!), inputCount: inputCount, exec: &exec))
        } catch {
          failure = error
        }
      }
      if let failure { throw failure }
      for index in outputs.indices where operands.hasOutput(index) {
        outputs[index]?.narrow(memory, operands.rawOutput(index))
      }
    }
  }

  private static func widened(_ operand: Operand) -> Operand {
    var wide = operand
    wide.dataType = .float32
    wide.constant = operand.constant.map { tensor in
      let buffer = TensorBuffer(byteCount: tensor.count * 4)
      let values = buffer.base.assumingMemoryBound(to: Float.self)
      for index in 0..<tensor.count {
        values[index] = Float(ElementAccess.double(tensor.baseAddress, index, tensor.dataType))
      }
      return Tensor(.float32, tensor.shape, buffer: buffer)
    }
    return wide
  }

  /// One operand's place in scratch memory, as float32 in the operand's own layout.
  private struct Conversion: Sendable {
    let type: DataType
    let offset: Int
    /// Runs of neighbouring elements, and elements from one run to the next.
    let runs: Int
    let length: Int
    let step: Int

    init(_ operand: Operand, _ plan: inout ScratchPlan) {
      type = operand.dataType
      offset = plan.reserve(floats: operand.layout.elementCount(of: operand.shape))
      if case .channelsLast(let pixel) = operand.layout, operand.count > 0 {
        (runs, length, step) = (operand.count / operand.shape[1], operand.shape[1], pixel)
      } else {
        (runs, length, step) = (1, operand.count, operand.count)
      }
    }

    func widen(_ source: UnsafeRawPointer, _ memory: UnsafeMutableRawPointer) {
      let target = (memory + offset).assumingMemoryBound(to: Float.self)
      for run in 0..<runs {
        for index in run * step..<run * step + length { target[index] = Float(ElementAccess.double(source, index, type)) }
      }
    }

    func narrow(_ memory: UnsafeMutableRawPointer, _ target: UnsafeMutableRawPointer) {
      let source = (memory + offset).assumingMemoryBound(to: Float.self)
      for run in 0..<runs {
        for index in run * step..<run * step + length { ElementAccess.store(Double(source[index]), target, index, type) }
      }
    }
  }
}
