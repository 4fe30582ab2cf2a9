/// A floating-point format of at most 16 bits: how its codes and `Double` values turn into each other.
///
/// Swift's `Float16` does not exist on every platform, and most of these formats have no Swift type at all.
public struct NarrowFloat: Hashable, Sendable {
  enum Specials: Hashable, Sendable {
    /// The highest exponent holds infinity and NaN, as in IEEE 754.
    case infinityAndNaN
    /// The highest code of either sign is NaN; there is no infinity.
    case nan
    /// Negative zero's code is NaN; there is no infinity.
    case nanAtNegativeZero
    /// Every code is a number; NaN becomes negative zero.
    case none
  }

  let exponentBits: Int
  let mantissaBits: Int
  let bias: Int
  let specials: Specials

  public static let float16 = NarrowFloat(exponentBits: 5, mantissaBits: 10, bias: 15, specials: .infinityAndNaN)
  public static let bfloat16 = NarrowFloat(exponentBits: 8, mantissaBits: 7, bias: 127, specials: .infinityAndNaN)
  public static let float8e4m3fn = NarrowFloat(exponentBits: 4, mantissaBits: 3, bias: 7, specials: .nan)
  public static let float8e4m3fnuz = NarrowFloat(
    exponentBits: 4, mantissaBits: 3, bias: 8, specials: .nanAtNegativeZero)
  public static let float8e5m2 = NarrowFloat(exponentBits: 5, mantissaBits: 2, bias: 15, specials: .infinityAndNaN)
  public static let float8e5m2fnuz = NarrowFloat(
    exponentBits: 5, mantissaBits: 2, bias: 16, specials: .nanAtNegativeZero)
  public static let float4e2m1 = NarrowFloat(exponentBits: 2, mantissaBits: 1, bias: 1, specials: .none)

  private var magnitudeBits: Int { exponentBits + mantissaBits }
  private var signBit: UInt16 { 1 << UInt16(magnitudeBits) }

  /// The code of the largest finite number.
  private var greatestCode: UInt64 {
    let all: UInt64 = (1 << UInt64(magnitudeBits)) - 1
    switch specials {
    case .infinityAndNaN: return all - (1 << UInt64(mantissaBits))
    case .nan: return all - 1
    case .nanAtNegativeZero, .none: return all
    }
  }

  /// The code nearest to `value`, halves to even.
  ///
  /// - Parameter saturating: makes numbers out of range and infinities the largest finite number; otherwise they
  ///   become infinity, or NaN in formats without infinity.
  public func encode(_ value: Double, saturating: Bool = false) -> UInt16 {
    let sign = value.sign == .minus ? signBit : 0
    guard !value.isNaN else { return nanCode(sign) }
    guard value.isFinite else { return overflow(sign, saturating) }
    let bits = value.bitPattern
    let exponent = Int((bits >> 52) & 0x7ff) - 1023 + bias
    let significand = (bits & ((1 << 52) - 1)) | (1 << 52)
    let shift = 52 - mantissaBits
    let code: UInt64
    if exponent >= 1 {
      code = (UInt64(exponent - 1) << UInt64(mantissaBits)) + Self.shiftedRight(significand, shift)
    } else {
      code = Self.shiftedRight(significand, min(shift + 1 - exponent, 63))
    }
    guard code <= greatestCode else { return overflow(sign, saturating) }
    return code == 0 && specials == .nanAtNegativeZero ? 0 : UInt16(code) | sign
  }

  private static func shiftedRight(_ value: UInt64, _ shift: Int) -> UInt64 {
    let quotient = value >> UInt64(shift)
    let remainder = value & ((1 << UInt64(shift)) - 1)
    let half: UInt64 = 1 << UInt64(shift - 1)
    return remainder > half || (remainder == half && quotient & 1 == 1) ? quotient + 1 : quotient
  }

  private func nanCode(_ sign: UInt16) -> UInt16 {
    switch specials {
    case .infinityAndNaN: UInt16(((1 << exponentBits) - 1) << mantissaBits) | UInt16(1 << (mantissaBits - 1)) | sign
    case .nan: signBit - 1 | sign
    case .nanAtNegativeZero: signBit
    case .none: signBit
    }
  }

  private func overflow(_ sign: UInt16, _ saturating: Bool) -> UInt16 {
    if saturating || specials == .none { return UInt16(greatestCode) | sign }
    guard specials == .infinityAndNaN else { return nanCode(sign) }
    return UInt16(greatestCode + 1) | sign
  }

  /// The value of a code; bits above the format's width are ignored.
  public func decode(_ code: UInt16) -> Double {
    let isNegative = code & signBit != 0
    let magnitude = code & (signBit - 1)
    let exponent = Int(magnitude >> UInt16(mantissaBits))
    let mantissa = magnitude & ((1 << UInt16(mantissaBits)) - 1)
    switch specials {
    case .infinityAndNaN where exponent == (1 << exponentBits) - 1:
      return mantissa != 0 ? .nan : isNegative ? -.infinity : .infinity
    case .nan where magnitude == signBit - 1: return .nan
    case .nanAtNegativeZero where isNegative && magnitude == 0: return .nan
    case .infinityAndNaN, .nan, .nanAtNegativeZero, .none: break
    }
    let isSubnormal = exponent == 0
    let significand = Double(isSubnormal ? mantissa : mantissa | 1 << UInt16(mantissaBits))
    let power = max(exponent, 1) - bias - mantissaBits
    let result = significand * Double(sign: .plus, exponent: power, significand: 1)
    return isNegative ? -result : result
  }
}

/// The format of `float8e8m0`: powers of two from 2^-127 to 2^127, and NaN.
public enum PowerOfTwoFloat {
  public static func decode(_ code: UInt8) -> Double {
    code == 0xff ? .nan : Double(sign: .plus, exponent: Int(code) - 127, significand: 1)
  }

  /// Which power of two a number between two of them becomes.
  public enum Rounding: Hashable, Sendable { case up, down, nearest }

  /// The code of the power of two that `value`'s magnitude rounds to.
  public static func encode(_ value: Double, rounding: Rounding = .up, saturating: Bool = true) -> UInt8 {
    guard !value.isNaN else { return 0xff }
    let magnitude = value.magnitude
    guard magnitude.isFinite else { return saturating ? 0xfe : 0xff }
    guard magnitude > 0 else { return 0 }
    var exponent = Int(magnitude.exponent)
    let fraction = magnitude.significand
    switch rounding {
    case .up: exponent += fraction > 1 ? 1 : 0
    case .down: break
    case .nearest: exponent += fraction >= 1.5 ? 1 : 0
    }
    guard exponent <= 127 else { return saturating ? 0xfe : 0xff }
    return UInt8(max(exponent, -127) + 127)
  }
}
