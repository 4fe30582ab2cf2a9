import CKernels
import GraphIR
import Tensors

/// ONNX `Cast` and `CastLike`: the elements as another type.
///
/// Floating-point numbers become integers by truncation, those out of range (where ONNX asks for nothing) the nearest
/// integer there is, and NaN 0; integers of less than a byte, and integers cast to narrower ones, keep the low bits.
/// Numbers that do not fit 8-bit floating-point types saturate unless the attribute `saturate` is 0.
public struct Cast: Operator {
  public static let signatures = [
    Signature("Cast"), Signature("CastLike", versions: 15...Signature.newestOpset),
  ]

  /// Nil for `CastLike`, which takes the type of input 1.
  public let dataType: DataType?
  private let saturates: Bool
  private let rounding: PowerOfTwoFloat.Rounding

  public init(_ node: NodeReader) throws(OperatorError) {
    saturates = try node.bool("saturate", default: true)
    switch try node.string("round_mode", default: "up") {
    case "up": rounding = .up
    case "down": rounding = .down
    case "nearest": rounding = .nearest
    case let other: throw node.invalid("the rounding mode “\(other)” does not exist")
    }
    guard node.node.operatorName == "Cast" else {
      try node.expectInputs(2...2)
      dataType = nil
      return
    }
    try node.expectInputs(1...1)
    if node.version < 6, let name = try node.string("to") {
      guard let type = DataType.allCases.first(where: { $0.description == name.asciiLowercased }) else {
        throw node.invalid("there is no element type \(name)")
      }
      dataType = type
      return
    }
    guard let number = try node.int("to"), let type = Int32(exactly: number).flatMap(DataType.init(rawValue:)) else {
      throw node.invalid("the attribute “to” names no element type")
    }
    dataType = type
  }

  public func infer(_ context: InferenceContext) throws(OperatorError) -> [ValueType] {
    let dims = try context.tensor(0).dims
    if let dataType { return [.tensor(TensorType(dataType, dims))] }
    return [.tensor(TensorType(try context.tensor(1).dataType, dims))]
  }

  /// The layout stays; `CastLike` does not look at the elements of input 1.
  public func layout(_ context: LayoutContext) -> LayoutPolicy { dataType == nil ? .rowMajor : .any }

  public func kernel(_ context: KernelContext) throws(OperatorError) -> Kernel {
    let (input, output) = (try context.input(0), try context.output(0))
    let (from, to) = (input.dataType, output.dataType)
    let unread: Set<Int> = context.has(1) ? [1] : []
    if from == to, input.layout == output.layout {
      var kernel = Kernel.view(of: 0)
      kernel.unreadInputs = unread
      return kernel
    }
    guard ElementAccess.supports(from), ElementAccess.supports(to) else {
      throw context.unsupported("\(from) cannot be cast to \(to) yet")
    }
    if let fast = fastKernel(from, to, context, unread) { return fast }
    guard input.layout == output.layout else { throw context.unsupported("the layouts differ") }
    let count = input.layout.elementCount(of: input.shape)
    let (saturates, rounding) = (saturates, rounding)
    let isUnsigned = from == .uint64
    // Packed elements may leave part of the last byte unused.
    let unusedByte = to.elementByteCount == nil && count > 0 ? output.byteCount - 1 : nil
    return Kernel(unreadInputs: unread) { operands in
      let (source, target) = (operands.rawInput(0), operands.rawOutput(0))
      if let unusedByte { target.storeBytes(of: 0, toByteOffset: unusedByte, as: UInt8.self) }
      if from.isFloatingPoint {
        for k in 0..<count {
          let value = ElementAccess.double(source, k, from)
          Self.store(value, target, k, to, saturates: saturates, rounding)
        }
      } else if let format = NarrowFloat.format(to) ?? (to == .float8e8m0 ? .float16 : nil), format != .bfloat16 {
        for k in 0..<count {
          let integer = ElementAccess.integer(source, k, from)
          let value = isUnsigned ? Double(UInt64(bitPattern: integer)) : Double(integer)
          Self.store(value, target, k, to, saturates: saturates, rounding)
        }
      } else {
        for k in 0..<count {
          ElementAccess.store(ElementAccess.integer(source, k, from), target, k, to, isUnsigned: isUnsigned)
        }
      }
    }
  }

  @inline(__always)
  private static func store(
    _ value: Double, _ target: UnsafeMutableRawPointer, _ index: Int, _ type: DataType, saturates: Bool,
    _ rounding: PowerOfTwoFloat.Rounding
  ) {
    switch type {
    case .float8e4m3fn, .float8e4m3fnuz, .float8e5m2, .float8e5m2fnuz:
      let code = NarrowFloat.format(type)!.encode(value, saturating: saturates)
      target.storeBytes(of: UInt8(truncatingIfNeeded: code), toByteOffset: index, as: UInt8.self)
    case .float8e8m0:
      let code = PowerOfTwoFloat.encode(value, rounding: rounding, saturating: saturates)
      target.storeBytes(of: code, toByteOffset: index, as: UInt8.self)
    default: ElementAccess.store(value, target, index, type)
    }
  }

  /// Between float32 and bool, and between float32 and bytes where the two ways of storing agree.
  private func fastKernel(_ from: DataType, _ to: DataType, _ context: KernelContext, _ unread: Set<Int>) -> Kernel? {
    var program = ElementwiseProgram(inputCount: 1)
    switch (from, to) {
    case (.bool, .float32): program.outputs = [program.apply(VZ_ELTWISE_NE, program.inputs[0], program.constant(0))]
    case (.float32, .bool): program.outputs = [program.apply(VZ_ELTWISE_NE, program.inputs[0], program.constant(0))]
    default: return nil
    }
    return ElementwiseKernel.make(program, sources: [0], axis: nil, context, unread: unread)
  }
}

extension NarrowFloat {
  /// The format of an element type; nil for types that are not one.
  static func format(_ type: DataType) -> NarrowFloat? {
    switch type {
    case .float16: .float16
    case .bfloat16: .bfloat16
    case .float8e4m3fn: .float8e4m3fn
    case .float8e4m3fnuz: .float8e4m3fnuz
    case .float8e5m2: .float8e5m2
    case .float8e5m2fnuz: .float8e5m2fnuz
    case .float4e2m1: .float4e2m1
    default: nil
    }
  }
}

extension String {
  fileprivate var asciiLowercased: String {
    String(decoding: utf8.map { (65...90).contains($0) ? $0 + 32 : $0 }, as: UTF8.self)
  }
}
