import CKernels
import GraphIR
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Runs a program over arrays of any numeric types: elements are widened, computed with, and rounded once when stored.
///
/// Registers are blocks of 64-bit numbers in scratch memory. Programs over integers compute in 64 bits and wrap.
struct ElementwiseInterpreter: Sendable {
  enum Domain: Hashable, Sendable { case floating, signed, unsigned }

  private static let blockLength = 64
  private let code: ElementwiseProgram.Code
  private let space: StridedSpace
  private let inputTypes: [DataType]
  private let outputTypes: [DataType]
  private let sources: [Int]
  private let domain: Domain

  /// - Parameter strides: for every input of the program, then for every output, over `shape`.
  init(
    _ program: ElementwiseProgram, inputTypes: [DataType], outputTypes: [DataType], sources: [Int], shape: [Int],
    strides: [[Int]], _ context: KernelContext
  ) throws(OperatorError) {
    code = program.lowered
    space = StridedSpace(shape: shape, strides: strides)
    self.inputTypes = inputTypes
    self.outputTypes = outputTypes
    self.sources = sources
    for type in inputTypes + outputTypes where !ElementAccess.supports(type) {
      throw context.unsupported("elements of type \(type) are not supported")
    }
    if inputTypes.contains(where: \.isFloatingPoint) || outputTypes.contains(where: \.isFloatingPoint) {
      domain = .floating
    } else {
      domain = inputTypes.contains(.uint64) ? .unsigned : .signed
      for step in code.instructions where !Self.isDefinedForIntegers(step.operation) {
        throw context.unsupported("it is not defined for elements of type \(inputTypes.first ?? .int64)")
      }
    }
  }

  var scratchByteCount: Int { max(code.registerCount, 1) * Self.blockLength * 8 }

  /// - Returns: false if an integer was divided by zero.
  func run(_ operands: Operands) -> Bool {
    let scratch = UnsafeMutableRawPointer(operands.exec.pointee.scratch!)
    var isDefined = true
    let length = space.shape[space.rank - 1]
    space.forEachOuterIndex { offsets in
      var start = 0
      while start < length {
        let count = min(Self.blockLength, length - start)
        switch domain {
        case .floating: runFloating(operands, scratch.assumingMemoryBound(to: Double.self), offsets, start, count)
        case .signed, .unsigned:
          let registers = scratch.assumingMemoryBound(to: Int64.self)
          if !runInteger(operands, registers, offsets, start, count) { isDefined = false }
        }
        start += count
      }
    }
    return isDefined
  }

  private func position(_ operand: Int, _ offsets: UnsafePointer<Int>, _ start: Int) -> (first: Int, step: Int) {
    let step = space.strides[operand][space.rank - 1]
    return (offsets[operand] + start * step, step)
  }

  // MARK: Floating point

  private func runFloating(
    _ operands: Operands, _ registers: UnsafeMutablePointer<Double>, _ offsets: UnsafePointer<Int>, _ start: Int,
    _ count: Int
  ) {
    for (input, source) in sources.enumerated() {
      let (first, step) = position(input, offsets, start)
      let (base, type) = (operands.rawInput(source), inputTypes[input])
      let target = registers + input * Self.blockLength
      for k in 0..<count { target[k] = ElementAccess.double(base, first + k * step, type) }
    }
    for step in code.instructions { Self.execute(step, registers, count) }
    for (output, register) in code.outputs.enumerated() {
      let (first, step) = position(sources.count + output, offsets, start)
      let (base, type) = (operands.rawOutput(output), outputTypes[output])
      let source = registers + register * Self.blockLength
      for k in 0..<count { ElementAccess.store(source[k], base, first + k * step, type) }
    }
  }

  private static func execute(
    _ step: ElementwiseProgram.Instruction, _ registers: UnsafeMutablePointer<Double>, _ count: Int
  ) {
    let d = registers + step.target * blockLength
    let a = registers + step.a * blockLength
    let b = registers + step.b * blockLength
    let c = registers + step.c * blockLength
    let i = Double(step.immediate)
    @inline(__always) func each(_ value: (Int) -> Double) { for k in 0..<count { d[k] = value(k) } }
    @inline(__always) func test(_ value: (Int) -> Bool) { for k in 0..<count { d[k] = value(k) ? 1 : 0 } }
    switch step.operation {
    case VZ_ELTWISE_CONST: each { _ in i }
    case VZ_ELTWISE_COPY: each { a[$0] }
    case VZ_ELTWISE_ADD: each { a[$0] + b[$0] }
    case VZ_ELTWISE_SUB: each { a[$0] - b[$0] }
    case VZ_ELTWISE_MUL: each { a[$0] * b[$0] }
    case VZ_ELTWISE_DIV: each { a[$0] / b[$0] }
    case VZ_ELTWISE_MIN: each { least(a[$0], b[$0]) }
    case VZ_ELTWISE_MAX: each { greatest(a[$0], b[$0]) }
    case VZ_ELTWISE_FMOD: each { fmod(a[$0], b[$0]) }
    case VZ_ELTWISE_FLOORMOD: each { floorModulo(a[$0], b[$0]) }
    case VZ_ELTWISE_POW: each { pow(a[$0], b[$0]) }
    case VZ_ELTWISE_FMA: each { fma(a[$0], b[$0], c[$0]) }
    case VZ_ELTWISE_LERP: each { a[$0] + c[$0] * (b[$0] - a[$0]) }
    case VZ_ELTWISE_CLIP: each { least(greatest(a[$0], b[$0]), c[$0]) }
    case VZ_ELTWISE_SELECT: each { a[$0] != 0 ? b[$0] : c[$0] }
    case VZ_ELTWISE_PRELU: each { a[$0] < 0 ? a[$0] * b[$0] : a[$0] }
    case VZ_ELTWISE_LT: test { a[$0] < b[$0] }
    case VZ_ELTWISE_LE: test { a[$0] <= b[$0] }
    case VZ_ELTWISE_GT: test { a[$0] > b[$0] }
    case VZ_ELTWISE_GE: test { a[$0] >= b[$0] }
    case VZ_ELTWISE_EQ: test { a[$0] == b[$0] }
    case VZ_ELTWISE_NE: test { a[$0] != b[$0] }
    case VZ_ELTWISE_AND: test { a[$0] != 0 && b[$0] != 0 }
    case VZ_ELTWISE_OR: test { a[$0] != 0 || b[$0] != 0 }
    case VZ_ELTWISE_XOR: test { (a[$0] != 0) != (b[$0] != 0) }
    case VZ_ELTWISE_NOT: test { a[$0] == 0 }
    case VZ_ELTWISE_ISNAN: test { a[$0].isNaN }
    case VZ_ELTWISE_ISINF: test { a[$0].isInfinite && (i == 0 || (a[$0] > 0) == (i > 0)) }
    case VZ_ELTWISE_NEG: each { -a[$0] }
    case VZ_ELTWISE_ABS: each { a[$0].magnitude }
    case VZ_ELTWISE_SIGN: each { a[$0] > 0 ? 1 : a[$0] < 0 ? -1 : a[$0].isNaN ? a[$0] : 0 }
    case VZ_ELTWISE_FLOOR: each { a[$0].rounded(.down) }
    case VZ_ELTWISE_CEIL: each { a[$0].rounded(.up) }
    case VZ_ELTWISE_TRUNC: each { a[$0].rounded(.towardZero) }
    case VZ_ELTWISE_ROUND: each { a[$0].rounded(.toNearestOrEven) }
    case VZ_ELTWISE_SQRT: each { a[$0].squareRoot() }
    case VZ_ELTWISE_RSQRT: each { 1 / a[$0].squareRoot() }
    case VZ_ELTWISE_RECIPROCAL: each { 1 / a[$0] }
    case VZ_ELTWISE_EXP: each { exp(a[$0]) }
    case VZ_ELTWISE_EXPM1: each { expm1(a[$0]) }
    case VZ_ELTWISE_LOG: each { log(a[$0]) }
    case VZ_ELTWISE_LOG1P: each { log1p(a[$0]) }
    case VZ_ELTWISE_SIN: each { sin(a[$0]) }
    case VZ_ELTWISE_COS: each { cos(a[$0]) }
    case VZ_ELTWISE_TAN: each { tan(a[$0]) }
    case VZ_ELTWISE_ASIN: each { asin(a[$0]) }
    case VZ_ELTWISE_ACOS: each { acos(a[$0]) }
    case VZ_ELTWISE_ATAN: each { atan(a[$0]) }
    case VZ_ELTWISE_SINH: each { sinh(a[$0]) }
    case VZ_ELTWISE_COSH: each { cosh(a[$0]) }
    case VZ_ELTWISE_TANH: each { tanh(a[$0]) }
    case VZ_ELTWISE_ASINH: each { asinh(a[$0]) }
    case VZ_ELTWISE_ACOSH: each { acosh(a[$0]) }
    case VZ_ELTWISE_ATANH: each { atanh(a[$0]) }
    case VZ_ELTWISE_ERF: each { erf(a[$0]) }
    case VZ_ELTWISE_SIGMOID: each { sigmoid(a[$0]) }
    case VZ_ELTWISE_RELU: each { greatest(a[$0], 0) }
    case VZ_ELTWISE_LEAKY: each { a[$0] < 0 ? i * a[$0] : a[$0] }
    case VZ_ELTWISE_ELU: each { a[$0] < 0 ? i * expm1(a[$0]) : a[$0] }
    case VZ_ELTWISE_SELU:
      each { 1.0507009873554805 * (a[$0] < 0 ? 1.6732632423543772 * expm1(a[$0]) : a[$0]) }
    case VZ_ELTWISE_CELU: each { a[$0] < 0 ? i * expm1(a[$0] / i) : a[$0] }
    case VZ_ELTWISE_SOFTPLUS: each { softplus(a[$0]) }
    case VZ_ELTWISE_SOFTSIGN: each { a[$0] / (1 + a[$0].magnitude) }
    case VZ_ELTWISE_HARDSIGMOID: each { least(greatest(b[$0] * a[$0] + c[$0], 0), 1) }
    case VZ_ELTWISE_HARDSWISH: each { a[$0] * least(greatest(a[$0] / 6 + 0.5, 0), 1) }
    case VZ_ELTWISE_SILU: each { a[$0] * sigmoid(a[$0]) }
    case VZ_ELTWISE_GELU: each { 0.5 * a[$0] * (1 + erf(a[$0] * 0.5.squareRoot())) }
    case VZ_ELTWISE_GELU_TANH:
      each { 0.5 * a[$0] * (1 + tanh(0.7978845608028654 * (a[$0] + 0.044715 * a[$0] * a[$0] * a[$0]))) }
    case VZ_ELTWISE_MISH: each { a[$0] * tanh(softplus(a[$0])) }
    default: preconditionFailure("unknown operation \(step.operation.rawValue)")
    }
  }

  // MARK: Integers

  private static func isDefinedForIntegers(_ operation: vz_eltwise_op) -> Bool {
    switch operation {
    case VZ_ELTWISE_CONST, VZ_ELTWISE_COPY, VZ_ELTWISE_ADD, VZ_ELTWISE_SUB, VZ_ELTWISE_MUL, VZ_ELTWISE_DIV,
      VZ_ELTWISE_MIN, VZ_ELTWISE_MAX, VZ_ELTWISE_FMOD, VZ_ELTWISE_FLOORMOD, VZ_ELTWISE_POW, VZ_ELTWISE_CLIP,
      VZ_ELTWISE_SELECT, VZ_ELTWISE_PRELU, VZ_ELTWISE_LT, VZ_ELTWISE_LE, VZ_ELTWISE_GT, VZ_ELTWISE_GE,
      VZ_ELTWISE_EQ, VZ_ELTWISE_NE, VZ_ELTWISE_AND, VZ_ELTWISE_OR, VZ_ELTWISE_XOR, VZ_ELTWISE_NOT,
      VZ_ELTWISE_ISNAN, VZ_ELTWISE_ISINF, VZ_ELTWISE_NEG, VZ_ELTWISE_ABS, VZ_ELTWISE_SIGN, VZ_ELTWISE_FLOOR,
      VZ_ELTWISE_CEIL, VZ_ELTWISE_TRUNC, VZ_ELTWISE_ROUND, VZ_ELTWISE_RELU:
      true
    default: false
    }
  }

  private func runInteger(
    _ operands: Operands, _ registers: UnsafeMutablePointer<Int64>, _ offsets: UnsafePointer<Int>, _ start: Int,
    _ count: Int
  ) -> Bool {
    for (input, source) in sources.enumerated() {
      let (first, step) = position(input, offsets, start)
      let (base, type) = (operands.rawInput(source), inputTypes[input])
      let target = registers + input * Self.blockLength
      for k in 0..<count { target[k] = ElementAccess.integer(base, first + k * step, type) }
    }
    var isDefined = true
    for step in code.instructions {
      if !Self.execute(step, registers, count, isUnsigned: domain == .unsigned) { isDefined = false }
    }
    for (output, register) in code.outputs.enumerated() {
      let (first, step) = position(sources.count + output, offsets, start)
      let (base, type) = (operands.rawOutput(output), outputTypes[output])
      let source = registers + register * Self.blockLength
      for k in 0..<count { ElementAccess.store(source[k], base, first + k * step, type) }
    }
    return isDefined
  }

  private static func execute(
    _ step: ElementwiseProgram.Instruction, _ registers: UnsafeMutablePointer<Int64>, _ count: Int, isUnsigned: Bool
  ) -> Bool {
    let d = registers + step.target * blockLength
    let a = registers + step.a * blockLength
    let b = registers + step.b * blockLength
    let c = registers + step.c * blockLength
    // Adding the smallest number turns unsigned order into signed order.
    let bias: Int64 = isUnsigned ? .min : 0
    var isDefined = true
    @inline(__always) func each(_ value: (Int) -> Int64) { for k in 0..<count { d[k] = value(k) } }
    @inline(__always) func test(_ value: (Int) -> Bool) { for k in 0..<count { d[k] = value(k) ? 1 : 0 } }
    @inline(__always) func less(_ x: Int64, _ y: Int64) -> Bool { x ^ bias < y ^ bias }
    @inline(__always) func divided(_ body: (Int64, Int64) -> Int64) {
      each { k in
        if b[k] == 0 {
          isDefined = false
          return 0
        }
        return body(a[k], b[k])
      }
    }
    func unsigned(_ value: Int64) -> UInt64 { UInt64(bitPattern: value) }
    switch step.operation {
    case VZ_ELTWISE_CONST: each { _ in ElementAccess.truncated(Double(step.immediate)) }
    case VZ_ELTWISE_COPY, VZ_ELTWISE_FLOOR, VZ_ELTWISE_CEIL, VZ_ELTWISE_TRUNC, VZ_ELTWISE_ROUND: each { a[$0] }
    case VZ_ELTWISE_ADD: each { a[$0] &+ b[$0] }
    case VZ_ELTWISE_SUB: each { a[$0] &- b[$0] }
    case VZ_ELTWISE_MUL: each { a[$0] &* b[$0] }
    case VZ_ELTWISE_DIV:
      divided { x, y in
        if isUnsigned { return Int64(bitPattern: unsigned(x) / unsigned(y)) }
        return y == -1 ? 0 &- x : x / y
      }
    case VZ_ELTWISE_FMOD:
      divided { x, y in
        if isUnsigned { return Int64(bitPattern: unsigned(x) % unsigned(y)) }
        return y == -1 ? 0 : x % y
      }
    case VZ_ELTWISE_FLOORMOD:
      divided { x, y in
        if isUnsigned { return Int64(bitPattern: unsigned(x) % unsigned(y)) }
        let remainder = y == -1 ? 0 : x % y
        return remainder != 0 && (remainder < 0) != (y < 0) ? remainder + y : remainder
      }
    case VZ_ELTWISE_POW: each { power(a[$0], b[$0], isUnsigned: isUnsigned) }
    case VZ_ELTWISE_MIN: each { less(b[$0], a[$0]) ? b[$0] : a[$0] }
    case VZ_ELTWISE_MAX: each { less(a[$0], b[$0]) ? b[$0] : a[$0] }
    case VZ_ELTWISE_CLIP:
      each { k in
        let raised = less(a[k], b[k]) ? b[k] : a[k]
        return less(c[k], raised) ? c[k] : raised
      }
    case VZ_ELTWISE_SELECT: each { a[$0] != 0 ? b[$0] : c[$0] }
    case VZ_ELTWISE_PRELU: each { !isUnsigned && a[$0] < 0 ? a[$0] &* b[$0] : a[$0] }
    case VZ_ELTWISE_LT: test { less(a[$0], b[$0]) }
    case VZ_ELTWISE_LE: test { !less(b[$0], a[$0]) }
    case VZ_ELTWISE_GT: test { less(b[$0], a[$0]) }
    case VZ_ELTWISE_GE: test { !less(a[$0], b[$0]) }
    case VZ_ELTWISE_EQ: test { a[$0] == b[$0] }
    case VZ_ELTWISE_NE: test { a[$0] != b[$0] }
    case VZ_ELTWISE_AND: test { a[$0] != 0 && b[$0] != 0 }
    case VZ_ELTWISE_OR: test { a[$0] != 0 || b[$0] != 0 }
    case VZ_ELTWISE_XOR: test { (a[$0] != 0) != (b[$0] != 0) }
    case VZ_ELTWISE_NOT: test { a[$0] == 0 }
    case VZ_ELTWISE_ISNAN, VZ_ELTWISE_ISINF: each { _ in 0 }
    case VZ_ELTWISE_NEG: each { 0 &- a[$0] }
    case VZ_ELTWISE_ABS: each { !isUnsigned && a[$0] < 0 ? 0 &- a[$0] : a[$0] }
    case VZ_ELTWISE_SIGN: each { a[$0] == 0 ? 0 : !isUnsigned && a[$0] < 0 ? -1 : 1 }
    case VZ_ELTWISE_RELU: each { !isUnsigned && a[$0] < 0 ? 0 : a[$0] }
    default: preconditionFailure("operation \(step.operation.rawValue) is not defined for integers")
    }
    return isDefined
  }

  /// `base` to the power of `exponent`, wrapping; negative powers round towards zero, and 0 to a negative power is 0.
  private static func power(_ base: Int64, _ exponent: Int64, isUnsigned: Bool) -> Int64 {
    if !isUnsigned && exponent < 0 {
      switch base {
      case 1: return 1
      case -1: return exponent & 1 == 0 ? 1 : -1
      default: return 0
      }
    }
    var (result, factor, rest): (Int64, Int64, UInt64) = (1, base, UInt64(bitPattern: exponent))
    while rest != 0 {
      if rest & 1 != 0 { result = result &* factor }
      factor = factor &* factor
      rest >>= 1
    }
    return result
  }
}

// MARK: - Formulas

private func least(_ a: Double, _ b: Double) -> Double { a.isNaN || a < b ? a : b.isNaN || b <= a ? b : a }
private func greatest(_ a: Double, _ b: Double) -> Double { a.isNaN || a > b ? a : b.isNaN || b >= a ? b : a }
private func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
private func softplus(_ x: Double) -> Double { x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)) }

private func floorModulo(_ a: Double, _ b: Double) -> Double {
  let remainder = fmod(a, b)
  return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder
}
