internal import CKernels
import Glibc

/// A bank of filters, one for every place between two input samples that an output sample can fall on.
///
/// The filters are sinc functions under a Kaiser window, 64 zero crossings to either side: flat to 0.475 of the lower
/// rate, 90 dB down at 0.52 of it. Each has a gain of exactly 1 at 0 Hz.
final class PolyphaseResampler: Resampler {
  /// Output sample k stands at input time k · step / phases.
  private let phases, step, taps: Int
  private let bank: [Float]
  private let kernels: UnsafePointer<vz_kernels>

  /// Input from sample `origin` on, after `taps / 2 − 1` zeros that stand before the first.
  private let window: UnsafeMutableBufferPointer<Float>
  private var filled = 0
  /// Where the next output stands in `window`, in steps of 1 / `phases`.
  private var position = 0

  private static let crossings = 64.0
  private static let kaiserBeta = 8.96
  private static let cutoff = 0.4975
  private static let largestBank = 1 << 20

  /// nil when the bank would be larger than 4 MiB.
  init?(inputRate: Int, outputRate: Int) {
    let divisor = Self.greatestCommonDivisor(inputRate, outputRate)
    phases = outputRate / divisor
    step = inputRate / divisor
    let stretch = max(1, Double(inputRate) / Double(outputRate))
    // Half of the taps is a multiple of 8, so that all are one of 16.
    let half = Int((Self.crossings * stretch / 8).rounded(.up)) * 8
    taps = 2 * half
    guard phases * taps <= Self.largestBank else { return nil }
    bank = Self.makeBank(phases: phases, half: half, stretch: stretch)
    kernels = vz_kernels_default()
    window = .allocate(capacity: taps + max(8_192, 2 * (step / phases + 1)))
    window.initialize(repeating: 0)
    reset()
  }

  deinit { window.deallocate() }

  func reset() {
    filled = taps / 2 - 1
    position = 0
    for i in 0..<filled { window[i] = 0 }
  }

  func process(
    _ input: UnsafeBufferPointer<Float>, into output: UnsafeMutableBufferPointer<Float>
  ) -> (consumed: Int, produced: Int) {
    dropUsed()
    let consumed = min(input.count, window.count - filled)
    if consumed > 0 {
      (window.baseAddress! + filled).update(from: input.baseAddress!, count: consumed)
      filled += consumed
    }
    // Output i needs window samples up to (position + i · step) / phases + taps − 1.
    let last = (filled - taps + 1) * phases - 1
    let ready = last < position ? 0 : (last - position) / step + 1
    let produced = min(output.count, ready)
    if produced > 0 {
      bank.withUnsafeBufferPointer { bank in
        kernels.pointee.polyphase_f32(
          produced, taps, phases, position, step, bank.baseAddress, window.baseAddress, output.baseAddress)
      }
      position += produced * step
    }
    return (consumed, produced)
  }

  /// Moves what is still needed to the front, when that makes room worth having.
  private func dropUsed() {
    let used = min(position / phases, filled)
    guard used > 0, filled > window.count / 2 else { return }
    window.baseAddress!.update(from: window.baseAddress! + used, count: filled - used)
    filled -= used
    position -= used * phases
  }

  private static func makeBank(phases: Int, half: Int, stretch: Double) -> [Float] {
    var bank: [Float] = []
    bank.reserveCapacity(phases * 2 * half)
    let reach = crossings * stretch
    let scale = 1 / bessel(kaiserBeta)
    var filter = [Double](repeating: 0, count: 2 * half)
    for phase in 0..<phases {
      for tap in 0..<2 * half {
        // Distance, in input samples, from the output sample.
        let distance = Double(tap - half + 1) - Double(phase) / Double(phases)
        let angle = 2 * .pi * cutoff * distance / stretch
        let sinc = abs(angle) < 1e-9 ? 1 : sin(angle) / angle
        let edge = distance / reach
        let window = abs(edge) < 1 ? bessel(kaiserBeta * (1 - edge * edge).squareRoot()) * scale : 0
        filter[tap] = sinc * window
      }
      let sum = filter.reduce(0, +)
      for value in filter { bank.append(Float(value / sum)) }
    }
    return bank
  }

  /// The modified Bessel function of order 0.
  private static func bessel(_ x: Double) -> Double {
    var (sum, term, k) = (1.0, 1.0, 1.0)
    while term > sum * 1e-17 {
      term *= (x / (2 * k)) * (x / (2 * k))
      sum += term
      k += 1
    }
    return sum
  }

  private static func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
    b == 0 ? a : greatestCommonDivisor(b, a % b)
  }
}
