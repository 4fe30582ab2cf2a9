import CKernels
import GraphIR
import Tensors

/// Runs an operator that moves whole elements on elements of 2 or 4 bits: as bytes, unpacked before and packed after.
enum Unpacking {
  /// The kernel of `operation` between conversions, or nil when no operand is packed.
  static func kernel(_ operation: some Operator, _ context: KernelContext) throws(OperatorError) -> Kernel? {
    let operands = (context.inputs + context.outputs).compactMap { $0 }
    guard operands.contains(where: { $0.dataType.isPacked }) else { return nil }
    let wide = KernelContext(
      node: context.node, inputs: context.inputs.map { $0.map(unpacked) },
      outputs: context.outputs.map { $0.map(unpacked) }, target: context.target, weights: WeightCache(names: []))
    let inner = try operation.kernel(wide)
    var plan = ScratchPlan()
    _ = plan.reserve(inner.scratchByteCount)
    let unread = inner.unreadInputs
    let inputs = context.inputs.enumerated().map { index, operand in
      unread.contains(index) ? nil : operand.flatMap { PackedOperand($0, &plan) }
    }
    let outputs = context.outputs.map { $0.flatMap { PackedOperand($0, &plan) } }
    let innerByteCount = inner.scratchByteCount, inputCount = inputs.count, count = inputCount + outputs.count
    let effect = inner.effect
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
          inputs[index]?.unpack(operands.rawInput(index), memory)
          pointers[index] =
            inputs[index].map { memory + $0.offset } ?? UnsafeMutableRawPointer(mutating: operands.rawInput(index))
        }
        for index in outputs.indices {
          guard operands.hasOutput(index) else { pointers[inputCount + index] = nil; continue }
          pointers[inputCount + index] = outputs[index].map { memory + $0.offset } ?? operands.rawOutput(index)
        }
        switch effect {
        case .view(let input, let byteOffset):
          guard let target = pointers[inputCount], let source = pointers[input], let output = outputs[0] else { return }
          target.copyMemory(from: source + byteOffset, byteCount: output.count)
        case .compute(let body):
          do throws(OperatorError) {
            try body(Operands(pointers: UnsafePointer(pointers.baseAddress!), inputCount: inputCount, exec: &exec))
          } catch {
            failure = error
          }
        }
      }
      if let failure { throw failure }
      for index in outputs.indices where operands.hasOutput(index) {
        outputs[index]?.pack(memory, operands.rawOutput(index))
      }
    }
  }

  /// The kernel that fills an output with the only element of `value`; nil when it is not packed.
  static func fill(_ value: Tensor, _ output: Operand) -> Kernel? {
    let (type, count) = (value.dataType, output.count)
    guard type.isPacked else { return nil }
    let code = type.bitWidth == 4 ? ElementAccess.nibble(value.baseAddress, 0) : ElementAccess.pair(value.baseAddress, 0)
    let byte = type.bitWidth == 4 ? code * 0x11 : code * 0x55
    let used = count * type.bitWidth % 8
    let last = used == 0 ? byte : byte & (1 << UInt8(used) - 1)
    return Kernel { operands in
      let byteCount = type.byteCount(of: count)!
      guard byteCount > 0 else { return }
      operands.rawOutput(0).initializeMemory(as: UInt8.self, repeating: byte, count: byteCount)
      operands.rawOutput(0).storeBytes(of: last, toByteOffset: byteCount - 1, as: UInt8.self)
    }
  }

  private static func unpacked(_ operand: Operand) -> Operand {
    guard operand.dataType.isPacked else { return operand }
    var wide = operand
    wide.dataType = .uint8
    wide.constant = operand.constant.map { tensor in
      let buffer = TensorBuffer(byteCount: tensor.count)
      unpack(tensor.baseAddress, tensor.count, tensor.dataType, buffer.base)
      return Tensor(.uint8, tensor.shape, buffer: buffer)
    }
    return wide
  }

  fileprivate static func unpack(
    _ source: UnsafeRawPointer, _ count: Int, _ type: DataType, _ target: UnsafeMutableRawPointer
  ) {
    for index in 0..<count {
      let code = type.bitWidth == 4 ? ElementAccess.nibble(source, index) : ElementAccess.pair(source, index)
      target.storeBytes(of: code, toByteOffset: index, as: UInt8.self)
    }
  }
}

/// One packed operand's place in scratch memory, a byte for each element.
private struct PackedOperand: Sendable {
  let type: DataType
  let offset: Int
  let count: Int

  /// Nil when the operand is not packed.
  init?(_ operand: Operand, _ plan: inout ScratchPlan) {
    guard operand.dataType.isPacked else { return nil }
    type = operand.dataType
    count = operand.layout.elementCount(of: operand.shape)
    offset = plan.reserve(count)
  }

  func unpack(_ source: UnsafeRawPointer, _ memory: UnsafeMutableRawPointer) {
    Unpacking.unpack(source, count, type, memory + offset)
  }

  func pack(_ memory: UnsafeMutableRawPointer, _ target: UnsafeMutableRawPointer) {
    // The last byte may have unused bits.
    if count > 0 { target.storeBytes(of: 0, toByteOffset: type.byteCount(of: count)! - 1, as: UInt8.self) }
    for index in 0..<count {
      let code = (memory + offset).load(fromByteOffset: index, as: UInt8.self)
      if type.bitWidth == 4 {
        ElementAccess.storeNibble(code, target, index)
      } else {
        ElementAccess.storePair(code, target, index)
      }
    }
  }
}

extension DataType {
  /// Whether elements share bytes.
  var isPacked: Bool { bitWidth == 2 || bitWidth == 4 }
}
