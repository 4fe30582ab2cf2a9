import Tensors

extension Tensor {
  /// The elements widened to `Double`, complex numbers as pairs; nil for strings.
  ///
  /// 64-bit integers beyond 2^53 are rounded.
  package var doubles: [Double]? {
    switch dataType {
    case .float32: elements(as: Float.self).map(Double.init)
    case .float64: elements(as: Double.self)
    case .int8: elements(as: Int8.self).map(Double.init)
    case .int16: elements(as: Int16.self).map(Double.init)
    case .int32: elements(as: Int32.self).map(Double.init)
    case .int64: elements(as: Int64.self).map(Double.init)
    case .uint8: elements(as: UInt8.self).map(Double.init)
    case .uint16: elements(as: UInt16.self).map(Double.init)
    case .uint32: elements(as: UInt32.self).map(Double.init)
    case .uint64: elements(as: UInt64.self).map(Double.init)
    case .bool: codes.map { $0 == 0 ? 0 : 1 }
    case .complex64: words(Float.self).map(Double.init)
    case .complex128: words(Double.self)
    case .float16: codes.map { NarrowFloat.float16.decode($0) }
    case .bfloat16: codes.map { NarrowFloat.bfloat16.decode($0) }
    case .float8e4m3fn: codes.map { NarrowFloat.float8e4m3fn.decode($0) }
    case .float8e4m3fnuz: codes.map { NarrowFloat.float8e4m3fnuz.decode($0) }
    case .float8e5m2: codes.map { NarrowFloat.float8e5m2.decode($0) }
    case .float8e5m2fnuz: codes.map { NarrowFloat.float8e5m2fnuz.decode($0) }
    case .float8e8m0: codes.map { PowerOfTwoFloat.decode(UInt8($0)) }
    case .float4e2m1: codes.map { NarrowFloat.float4e2m1.decode($0) }
    case .uint4, .uint2: codes.map { Double($0) }
    case .int4: codes.map { Double($0 < 8 ? Int($0) : Int($0) - 16) }
    case .int2: codes.map { Double($0 < 2 ? Int($0) : Int($0) - 4) }
    case .string: nil
    }
  }

  /// The bits of each element of at most 16 bits; several in a byte start at its low end.
  private var codes: [UInt16] {
    let width = dataType.bitWidth
    return withUnsafeBytes { bytes in
      (0..<count).map { index in
        if width == 16 { return bytes.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self) }
        let bit = index * width
        return UInt16(bytes[bit / 8]) >> UInt16(bit % 8) & (1 << UInt16(width) - 1)
      }
    }
  }

  private func words<Word>(_: Word.Type) -> [Word] {
    withUnsafeBytes { bytes in
      (0..<count * 2).map { bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Word>.size, as: Word.self) }
    }
  }
}
