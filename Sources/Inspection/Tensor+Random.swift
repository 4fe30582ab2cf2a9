import Tensors

/// A sequence of numbers that a seed fixes (splitmix64).
package struct SeededNumbers {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// From -1 on, below 1.
  package mutating func unit() -> Double { Double(next() >> 11) * 0x1p-52 - 1 }
}

extension Tensor {
  /// Seeded contents: floating-point numbers evenly between -1 and 1; integers and truth values 0 or 1, which are valid
  /// as an index almost everywhere; empty strings.
  package static func random(_ type: DataType, _ shape: Shape, _ numbers: inout SeededNumbers) -> Tensor {
    if type == .string { return Tensor(type, shape) }
    var tensor = Tensor(type, shape)
    let count = tensor.count
    tensor.withUnsafeMutableBytes { bytes in
      switch type {
      case .float32: for index in 0..<count { bytes.storeBytes(of: Float(numbers.unit()), toByteOffset: index * 4, as: Float.self) }
      case .complex64: for index in 0..<count * 2 { bytes.storeBytes(of: Float(numbers.unit()), toByteOffset: index * 4, as: Float.self) }
      case .float64: for index in 0..<count { bytes.storeBytes(of: numbers.unit(), toByteOffset: index * 8, as: Double.self) }
      case .complex128: for index in 0..<count * 2 { bytes.storeBytes(of: numbers.unit(), toByteOffset: index * 8, as: Double.self) }
      default:
        for index in 0..<count { store(code(type, &numbers), width: type.bitWidth, at: index, in: bytes) }
      }
    }
    return tensor
  }

  private static func code(_ type: DataType, _ numbers: inout SeededNumbers) -> UInt64 {
    switch type {
    case .float16: UInt64(NarrowFloat.float16.encode(numbers.unit()))
    case .bfloat16: UInt64(NarrowFloat.bfloat16.encode(numbers.unit()))
    case .float8e4m3fn: UInt64(NarrowFloat.float8e4m3fn.encode(numbers.unit()))
    case .float8e4m3fnuz: UInt64(NarrowFloat.float8e4m3fnuz.encode(numbers.unit()))
    case .float8e5m2: UInt64(NarrowFloat.float8e5m2.encode(numbers.unit()))
    case .float8e5m2fnuz: UInt64(NarrowFloat.float8e5m2fnuz.encode(numbers.unit()))
    case .float4e2m1: UInt64(NarrowFloat.float4e2m1.encode(numbers.unit()))
    case .float8e8m0: UInt64(PowerOfTwoFloat.encode(numbers.unit().magnitude))
    case .float32, .float64, .complex64, .complex128, .string, .uint8, .int8, .uint16, .int16, .int32, .int64, .bool,
      .uint32, .uint64, .uint4, .int4, .uint2, .int2:
      numbers.next() >> 63
    }
  }

  private static func store(_ code: UInt64, width: Int, at index: Int, in bytes: UnsafeMutableRawBufferPointer) {
    switch width {
    case 64: bytes.storeBytes(of: code, toByteOffset: index * 8, as: UInt64.self)
    case 32: bytes.storeBytes(of: UInt32(truncatingIfNeeded: code), toByteOffset: index * 4, as: UInt32.self)
    case 16: bytes.storeBytes(of: UInt16(truncatingIfNeeded: code), toByteOffset: index * 2, as: UInt16.self)
    default: bytes[index * width / 8] |= UInt8(truncatingIfNeeded: code) << UInt8(index * width % 8)
    }
  }
}
