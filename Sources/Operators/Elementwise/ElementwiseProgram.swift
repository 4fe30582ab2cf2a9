import CKernels

/// Straight-line code that computes outputs from inputs one element at a time: one operator, or a fused chain of them.
///
/// Built by emitting operators one after the other, each reading registers that exist already. A register never
/// changes. Truth values are numbers: 0 is false, comparisons give 1 or 0.
public struct ElementwiseProgram: Sendable {
  /// Names a value in a program.
  public struct Register: Hashable, Sendable {
    let index: Int
  }

  enum Definition: Sendable {
    case input(Int)
    case constant(Float)
    case operation(vz_eltwise_op, [Register], immediate: Float)
  }

  private(set) var definitions: [Definition] = []
  /// The registers that hold the inputs, in order.
  public private(set) var inputs: [Register] = []
  /// The registers to store, in order.
  public var outputs: [Register] = []

  public init(inputCount: Int = 0) {
    for _ in 0..<inputCount { _ = addInput() }
  }

  public var inputCount: Int { inputs.count }

  public mutating func addInput() -> Register {
    let register = define(.input(inputs.count))
    inputs.append(register)
    return register
  }

  /// A register that holds `value`; equal values share one.
  public mutating func constant(_ value: Float) -> Register {
    for (index, definition) in definitions.enumerated() {
      if case .constant(let known) = definition, known.bitPattern == value.bitPattern { return Register(index: index) }
    }
    return define(.constant(value))
  }

  /// A register that holds what `operation` makes of its operands and its immediate number.
  public mutating func apply(
    _ operation: vz_eltwise_op, _ operands: Register..., immediate: Float = 0
  ) -> Register {
    define(.operation(operation, operands, immediate: immediate))
  }

  /// Adds another program's code, reading `inputs` for its inputs; returns what its outputs became.
  public mutating func append(_ other: ElementwiseProgram, inputs: [Register]) -> [Register] {
    var renamed: [Register] = []
    for definition in other.definitions {
      switch definition {
      case .input(let index): renamed.append(inputs[index])
      case .constant(let value): renamed.append(constant(value))
      case .operation(let operation, let operands, let immediate):
        renamed.append(define(.operation(operation, operands.map { renamed[$0.index] }, immediate: immediate)))
      }
    }
    return other.outputs.map { renamed[$0.index] }
  }

  private mutating func define(_ definition: Definition) -> Register {
    definitions.append(definition)
    return Register(index: definitions.count - 1)
  }

  /// The value of a register that always holds the same.
  public func constantValue(of register: Register) -> Float? {
    guard case .constant(let value) = definitions[register.index] else { return nil }
    return value
  }

  /// Whether the kernels can run the program as one loop.
  public var fitsKernel: Bool {
    let code = lowered
    return inputCount <= VZ_ELTWISE_MAX_INPUTS && outputs.count <= VZ_ELTWISE_MAX_OUTPUTS
      && code.instructions.count <= VZ_ELTWISE_MAX_INSTRUCTIONS
      && code.registerCount <= VZ_ELTWISE_MAX_REGISTERS
  }

  /// Whether `other` can be appended, with `newInputs` inputs besides those that exist, and still fit the kernels.
  public func canAppend(_ other: ElementwiseProgram, newInputs: Int) -> Bool {
    var longer = self
    for _ in 0..<newInputs { _ = longer.addInput() }
    let operands = other.inputs.indices.map {
      longer.inputs.isEmpty ? longer.constant(0) : longer.inputs[$0 % longer.inputs.count]
    }
    longer.outputs += longer.append(other, inputs: operands)
    return longer.fitsKernel
  }
}

extension ElementwiseProgram {
  /// An instruction over numbered registers, the inputs first.
  struct Instruction: Sendable {
    var operation: vz_eltwise_op
    var target: Int
    var a = 0
    var b = 0
    var c = 0
    var immediate: Float = 0
  }

  struct Code: Sendable {
    var instructions: [Instruction] = []
    var registerCount: Int
    var outputs: [Int] = []
  }

  /// The instructions that the outputs need, with registers used again once nothing reads their old value.
  var lowered: Code {
    var lastUse = [Int](repeating: -1, count: definitions.count)
    for output in outputs { lastUse[output.index] = definitions.count }
    for index in definitions.indices.reversed() where lastUse[index] >= 0 {
      guard case .operation(_, let operands, _) = definitions[index] else { continue }
      for operand in operands where lastUse[operand.index] < index { lastUse[operand.index] = index }
    }
    var code = Code(registerCount: inputCount)
    var place = [Int](repeating: -1, count: definitions.count)
    var free: [Int] = []
    for (index, definition) in definitions.enumerated() {
      var instruction: Instruction
      switch definition {
      case .input(let input):
        place[index] = input
        continue
      case .constant(let value):
        instruction = Instruction(operation: VZ_ELTWISE_CONST, target: 0, immediate: value)
      case .operation(let operation, let operands, let immediate):
        instruction = Instruction(operation: operation, target: 0, immediate: immediate)
        guard lastUse[index] >= 0 else { continue }
        instruction.a = operands.count > 0 ? place[operands[0].index] : 0
        instruction.b = operands.count > 1 ? place[operands[1].index] : 0
        instruction.c = operands.count > 2 ? place[operands[2].index] : 0
      }
      guard lastUse[index] >= 0 else { continue }
      // Constants have registers of their own, so that a kernel may fill them once. Operands free theirs only
      // afterwards, so that a target is never one of its own operands.
      if case .operation = definition, let register = free.popLast() {
        instruction.target = register
      } else {
        instruction.target = code.registerCount
        code.registerCount += 1
      }
      place[index] = instruction.target
      code.instructions.append(instruction)
      if case .operation(_, let operands, _) = definition {
        for operand in Set(operands.map(\.index)) where lastUse[operand] == index {
          if case .operation = definitions[operand] { free.append(place[operand]) }
        }
      }
    }
    code.outputs = outputs.map { place[$0.index] }
    return code
  }
}
