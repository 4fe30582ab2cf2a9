import CKernels
import Tensors
import Viseme

/// How fast this machine multiplies matrices with the best kernel there is: what a profile is held against.
public enum MachinePeak {
  private static let rows = 240, columns = 384, depth = 384

  /// Multiply-adds of float32 a second, with all of the pool's threads; the best of many short products that stay in
  /// the cache.
  public static func multiplyAddsPerSecond(_ pool: ThreadPool, seconds: Double = 0.3) -> Double {
    let kernels = vz_kernels_at(vz_cpu_default())!
    let a = TensorBuffer(byteCount: rows * depth * 4), c = TensorBuffer(byteCount: rows * columns * 4)
    let b = TensorBuffer(byteCount: depth * columns * 4)
    let packed = TensorBuffer(byteCount: vz_gemm_pack_b_bytes(kernels, depth, columns))
    // Ones: zeros could be faster, and denormals slower.
    for (buffer, count) in [(a, rows * depth), (b, depth * columns)] {
      buffer.base.assumingMemoryBound(to: Float.self).update(repeating: 1, count: count)
    }
    vz_gemm_pack_b_f32(kernels, depth, columns, b.base.assumingMemoryBound(to: Float.self), columns, 1, packed.base)
    let scratchByteCount = vz_gemm_scratch_bytes(rows, columns, depth, UInt32(pool.threads))
    let scratch = TensorBuffer(byteCount: scratchByteCount)
    var exec = vz_exec(kernels: kernels, pool: pool.pointer, scratch: scratch.base, scratch_bytes: scratchByteCount)
    let end = Clock.wall + seconds
    var best = Double.infinity
    repeat {
      let start = Clock.wall
      vz_gemm_f32(
        &exec, rows, columns, depth, a.base.assumingMemoryBound(to: Float.self), depth, packed.base, nil,
        c.base.assumingMemoryBound(to: Float.self), columns)
      best = min(best, Clock.wall - start)
    } while Clock.wall < end
    return Double(rows * columns * depth) / max(best, 1e-9)
  }
}
