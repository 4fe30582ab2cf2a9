import CKernels
import GraphIR
import Tensors

/// Runs an operator that has kernels for float32 on operands of narrower floats: widened before, rounded once after.
enum Widening {
  /// The kernel of `operation` between conversions, or nil when no operand is narrow.
  static func kernel(_ operation: some Operator, _ context: KernelContext) throws(OperatorError) -> Kernel? {
    let operands = (context.inputs + context.outputs).compactMap { $0 }
    guard operands.contains(where: { $0.dataType.isNarrowFloat }) else { return nil }
    let wide = KernelContext(
      node: context.node, inputs: context.inputs.map { $0.map(widened) },
      outputs: context.outputs.map { $0.map(widened) }, target: context.target, weights: WeightCache(names: []))
    let inner = try operation.kernel(wide)
    guard case .compute(let body) = inner.effect else {
      throw context.unsupported("\(context.node.operatorName) of narrow floats is not implemented")
    }
    var plan = ScratchPlan()
    _ = plan.reserve(inner.scratchByteCount)
    let inputs = context.inputs.enumerated().map { index, operand in
      inner.unreadInputs.contains(index) ? nil : operand.flatMap { Conversion($0, &plan) }
    }
    let outputs = context.outputs.map { $0.flatMap { Conversion($0, &plan) } }
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
    guard operand.dataType.isNarrowFloat else { return operand }
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

    /// Nil when the operand is not narrow.
    init?(_ operand: Operand, _ plan: inout ScratchPlan) {
      guard operand.dataType.isNarrowFloat else { return nil }
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

extension DataType {
  /// Whether the type is a float of 16 bits.
  fileprivate var isNarrowFloat: Bool { self == .float16 || self == .bfloat16 }
}
