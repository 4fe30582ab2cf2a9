import Tensors

/// Reads and writes single elements of any numeric type, widened.
///
/// Floating-point types widen to `Double` and are rounded once when stored. Integers and booleans widen to `Int64`
/// (`uint64` keeps its bits) and wrap when stored. Elements of less than a byte are packed, low bits first.
enum ElementAccess {
  /// Whether elements of the type can be read and written here.
  static func supports(_ type: DataType) -> Bool {
    switch type {
    case .string, .complex64, .complex128: false
    default: true
    }
  }

  @inline(__always)
  static func double(_ base: UnsafeRawPointer, _ index: Int, _ type: DataType) -> Double {
    switch type {
    case .float32: Double(base.loadUnaligned(fromByteOffset: index * 4, as: Float.self))
    case .float64: base.loadUnaligned(fromByteOffset: index * 8, as: Double.self)
    case .float16: Double(half(base.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)))
    case .bfloat16:
      Double(Float(bitPattern: UInt32(base.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)) << 16))
    case .float8e4m3fn: NarrowFloat.float8e4m3fn.decode(UInt16(base.load(fromByteOffset: index, as: UInt8.self)))
    case .float8e4m3fnuz: NarrowFloat.float8e4m3fnuz.decode(UInt16(base.load(fromByteOffset: index, as: UInt8.self)))
    case .float8e5m2: NarrowFloat.float8e5m2.decode(UInt16(base.load(fromByteOffset: index, as: UInt8.self)))
    case .float8e5m2fnuz: NarrowFloat.float8e5m2fnuz.decode(UInt16(base.load(fromByteOffset: index, as: UInt8.self)))
    case .float8e8m0: PowerOfTwoFloat.decode(base.load(fromByteOffset: index, as: UInt8.self))
    case .float4e2m1: NarrowFloat.float4e2m1.decode(UInt16(nibble(base, index)))
    case .uint64: Double(base.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self))
    default: Double(integer(base, index, type))
    }
  }

  @inline(__always)
  static func integer(_ base: UnsafeRawPointer, _ index: Int, _ type: DataType) -> Int64 {
    switch type {
    case .int64: base.loadUnaligned(fromByteOffset: index * 8, as: Int64.self)
    case .uint64: Int64(bitPattern: base.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self))
    case .int32: Int64(base.loadUnaligned(fromByteOffset: index * 4, as: Int32.self))
    case .uint32: Int64(base.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self))
    case .int16: Int64(base.loadUnaligned(fromByteOffset: index * 2, as: Int16.self))
    case .uint16: Int64(base.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self))
    case .int8: Int64(base.load(fromByteOffset: index, as: Int8.self))
    case .uint8: Int64(base.load(fromByteOffset: index, as: UInt8.self))
    case .bool: base.load(fromByteOffset: index, as: UInt8.self) == 0 ? 0 : 1
    case .uint4: Int64(nibble(base, index))
    case .int4: Int64(Int8(bitPattern: nibble(base, index) << 4) >> 4)
    case .uint2: Int64(pair(base, index))
    case .int2: Int64(Int8(bitPattern: pair(base, index) << 6) >> 6)
    default: truncated(double(base, index, type))
    }
  }

  /// Stores a floating-point result. Integers truncate towards zero and saturate, those of less than a byte keep the
  /// low bits instead; NaN becomes 0.
  @inline(__always)
  static func store(_ value: Double, _ base: UnsafeMutableRawPointer, _ index: Int, _ type: DataType) {
    switch type {
    case .float32: base.storeBytes(of: Float(value), toByteOffset: index * 4, as: Float.self)
    case .float64: base.storeBytes(of: value, toByteOffset: index * 8, as: Double.self)
    case .float16: base.storeBytes(of: NarrowFloat.float16.encode(value), toByteOffset: index * 2, as: UInt16.self)
    case .bfloat16: base.storeBytes(of: NarrowFloat.bfloat16.encode(value), toByteOffset: index * 2, as: UInt16.self)
    case .float8e4m3fn: storeByte(NarrowFloat.float8e4m3fn.encode(value, saturating: true), base, index)
    case .float8e4m3fnuz: storeByte(NarrowFloat.float8e4m3fnuz.encode(value, saturating: true), base, index)
    case .float8e5m2: storeByte(NarrowFloat.float8e5m2.encode(value, saturating: true), base, index)
    case .float8e5m2fnuz: storeByte(NarrowFloat.float8e5m2fnuz.encode(value, saturating: true), base, index)
    case .float8e8m0: base.storeBytes(of: PowerOfTwoFloat.encode(value), toByteOffset: index, as: UInt8.self)
    case .float4e2m1: storeNibble(UInt8(NarrowFloat.float4e2m1.encode(value)), base, index)
    case .bool: base.storeBytes(of: value != 0 ? 1 : 0, toByteOffset: index, as: UInt8.self)
    case .uint64: base.storeBytes(of: clamped(value, UInt64.self), toByteOffset: index * 8, as: UInt64.self)
    case .int64: base.storeBytes(of: truncated(value), toByteOffset: index * 8, as: Int64.self)
    case .int32: base.storeBytes(of: clamped(value, Int32.self), toByteOffset: index * 4, as: Int32.self)
    case .uint32: base.storeBytes(of: clamped(value, UInt32.self), toByteOffset: index * 4, as: UInt32.self)
    case .int16: base.storeBytes(of: clamped(value, Int16.self), toByteOffset: index * 2, as: Int16.self)
    case .uint16: base.storeBytes(of: clamped(value, UInt16.self), toByteOffset: index * 2, as: UInt16.self)
    case .int8: base.storeBytes(of: clamped(value, Int8.self), toByteOffset: index, as: Int8.self)
    case .uint8: base.storeBytes(of: clamped(value, UInt8.self), toByteOffset: index, as: UInt8.self)
    case .uint4, .int4: storeNibble(UInt8(truncatingIfNeeded: truncated(value)), base, index)
    case .uint2, .int2: storePair(UInt8(truncatingIfNeeded: truncated(value)), base, index)
    case .string, .complex64, .complex128: break
    }
  }

  /// Stores an integer result: integers keep the low bits, booleans whether any bit is set.
  @inline(__always)
  static func store(
    _ value: Int64, _ base: UnsafeMutableRawPointer, _ index: Int, _ type: DataType, isUnsigned: Bool = false
  ) {
    switch type {
    case .int64, .uint64: base.storeBytes(of: value, toByteOffset: index * 8, as: Int64.self)
    case .int32, .uint32: base.storeBytes(of: Int32(truncatingIfNeeded: value), toByteOffset: index * 4, as: Int32.self)
    case .int16, .uint16: base.storeBytes(of: Int16(truncatingIfNeeded: value), toByteOffset: index * 2, as: Int16.self)
    case .int8, .uint8: base.storeBytes(of: Int8(truncatingIfNeeded: value), toByteOffset: index, as: Int8.self)
    case .bool: base.storeBytes(of: value != 0 ? 1 : 0, toByteOffset: index, as: UInt8.self)
    case .uint4, .int4: storeNibble(UInt8(truncatingIfNeeded: value) & 15, base, index)
    case .uint2, .int2: storePair(UInt8(truncatingIfNeeded: value) & 3, base, index)
    case .float32:
      let rounded = isUnsigned ? Float(UInt64(bitPattern: value)) : Float(value)
      base.storeBytes(of: rounded, toByteOffset: index * 4, as: Float.self)
    default: store(isUnsigned ? Double(UInt64(bitPattern: value)) : Double(value), base, index, type)
    }
  }

  /// `value` towards zero, saturated; NaN is 0.
  @inline(__always)
  static func truncated(_ value: Double) -> Int64 { clamped(value, Int64.self) }

  @inline(__always)
  static func clamped<Integer: FixedWidthInteger>(_ value: Double, _: Integer.Type) -> Integer {
    guard !value.isNaN else { return 0 }
    // The upper bound of a 64-bit type is not a Double; comparing with >= against its rounded value is exact.
    if value >= Double(Integer.max) { return .max }
    if value <= Double(Integer.min) { return .min }
    return Integer(value)
  }

  /// The value of a `float16` code.
  @inline(__always)
  private static func half(_ code: UInt16) -> Float {
    let (sign, magnitude) = (UInt32(code & 0x8000) << 16, UInt32(code & 0x7FFF))
    if magnitude >= 0x7C00 { return Float(bitPattern: sign | 0x7F80_0000 | (magnitude & 0x3FF) << 13) }
    if magnitude >= 0x400 { return Float(bitPattern: sign | ((magnitude << 13) + (112 << 23))) }
    let subnormal = Float(magnitude) * 0x1p-24
    return sign == 0 ? subnormal : -subnormal
  }

  @inline(__always)
  private static func storeByte(_ code: UInt16, _ base: UnsafeMutableRawPointer, _ index: Int) {
    base.storeBytes(of: UInt8(truncatingIfNeeded: code), toByteOffset: index, as: UInt8.self)
  }

  static func nibble(_ base: UnsafeRawPointer, _ index: Int) -> UInt8 {
    (base.load(fromByteOffset: index >> 1, as: UInt8.self) >> (UInt8(index & 1) * 4)) & 15
  }

  static func pair(_ base: UnsafeRawPointer, _ index: Int) -> UInt8 {
    (base.load(fromByteOffset: index >> 2, as: UInt8.self) >> (UInt8(index & 3) * 2)) & 3
  }

  static func storeNibble(_ code: UInt8, _ base: UnsafeMutableRawPointer, _ index: Int) {
    let shift = UInt8(index & 1) * 4
    let old = base.load(fromByteOffset: index >> 1, as: UInt8.self)
    base.storeBytes(of: (old & ~(15 << shift)) | ((code & 15) << shift), toByteOffset: index >> 1, as: UInt8.self)
  }

  static func storePair(_ code: UInt8, _ base: UnsafeMutableRawPointer, _ index: Int) {
    let shift = UInt8(index & 3) * 2
    let old = base.load(fromByteOffset: index >> 2, as: UInt8.self)
    base.storeBytes(of: (old & ~(3 << shift)) | ((code & 3) << shift), toByteOffset: index >> 2, as: UInt8.self)
  }
}
