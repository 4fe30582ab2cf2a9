import CKernels
import GraphIR

/// A discrete Fourier transform of one length in double precision: planned once, shared by threads.
///
/// Inverse transforms are not divided by the length.
final class FourierTransform: @unchecked Sendable {
  let length: Int
  private let plan: OpaquePointer

  /// - Parameter isReal: whether the points, not the spectrum, are real numbers.
  init(length: Int, isReal: Bool, _ context: KernelContext) throws(OperatorError) {
    guard let plan = vz_fft_create_f64(length, isReal) else {
      throw OperatorError(.tooLarge, node: context.node.label, "a transform of \(length) points does not fit in memory")
    }
    self.length = length
    self.plan = plan
  }

  deinit { vz_fft_destroy_f64(plan) }

  var scratchByteCount: Int { vz_fft_scratch_bytes_f64(plan) }

  /// `points`: `[length, 2]`, replaced by their transform.
  func transform(
    _ points: UnsafeMutablePointer<Double>, inverse: Bool, _ kernels: UnsafePointer<vz_kernels>,
    scratch: UnsafeMutableRawPointer
  ) {
    vz_fft_complex_f64(kernels, plan, inverse, points, points, scratch)
  }

  /// The half spectrum `[length / 2 + 1, 2]` of real points `[length]`.
  func spectrum(
    of points: UnsafePointer<Double>, into spectrum: UnsafeMutablePointer<Double>, _ kernels: UnsafePointer<vz_kernels>,
    scratch: UnsafeMutableRawPointer
  ) {
    vz_fft_real_f64(kernels, plan, points, spectrum, scratch)
  }

  /// Real points `[length]` from their half spectrum `[length / 2 + 1, 2]`.
  func points(
    of spectrum: UnsafePointer<Double>, into points: UnsafeMutablePointer<Double>, _ kernels: UnsafePointer<vz_kernels>,
    scratch: UnsafeMutableRawPointer
  ) {
    vz_fft_real_inverse_f64(kernels, plan, spectrum, points, scratch)
  }
}
