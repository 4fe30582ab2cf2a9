/* Softmax over the vector vocabulary: largest, exponentials and their sum, quotient. */
#include "../common/vz_simd_math.h"

VZ_SIMD_INLINE vf load_some(const float *x, size_t m) { return m == VF ? vf_load(x) : vf_load_n(x, m); }
VZ_SIMD_INLINE void store_some(float *y, size_t m, vf v) {
  if (m == VF)
    vf_store(y, v);
  else
    vf_store_n(y, m, v);
}
VZ_SIMD_INLINE vf keep_max(vf a, vf b) { return vf_select(vf_nan(a), a, vf_max(a, b)); }

/* The largest of a row. One that holds NaN may give anything: its exponentials sum to NaN whatever is subtracted. */
VZ_SIMD_INLINE float row_top(size_t n, const float *x) {
  vf lowest = vf_set(-INFINITY), top[4] = {lowest, lowest, lowest, lowest};
  size_t k = 0;
  for (; k + 4 * VF <= n; k += 4 * VF) {
    top[0] = vf_max(top[0], vf_load(x + k));
    top[1] = vf_max(top[1], vf_load(x + k + VF));
    top[2] = vf_max(top[2], vf_load(x + k + 2 * VF));
    top[3] = vf_max(top[3], vf_load(x + k + 3 * VF));
  }
  for (; k + VF <= n; k += VF) top[0] = vf_max(top[0], vf_load(x + k));
  float best = vf_top(vf_max(vf_max(top[0], top[1]), vf_max(top[2], top[3])));
  for (; k < n; k++) best = x[k] > best ? x[k] : best;
  return best;
}

/* y = e^(x - top) when y is given. Returns the sum. */
VZ_SIMD_INLINE double row_exponentials(size_t n, const float *x, float top, float *y) {
  vf shift = vf_set(top), a = vf_zero(), b = vf_zero();
  double total = 0;
  size_t k = 0;
  for (; k + 2 * VF <= n; k += 2 * VF) {
    vf p = vf_exp(vf_sub(vf_load(x + k), shift)), q = vf_exp(vf_sub(vf_load(x + k + VF), shift));
    a = vf_add(a, p);
    b = vf_add(b, q);
    if (y) vf_store(y + k, p), vf_store(y + k + VF, q);
    if (k % (64 * VF) == 62 * VF) {
      total += (double)vf_sum(vf_add(a, b));
      a = b = vf_zero();
    }
  }
  for (; k < n; k += VF) {
    size_t m = n - k < VF ? n - k : VF;
    float lanes[VF];
    vf_store(lanes, vf_exp(vf_sub(load_some(x + k, m), shift)));
    for (size_t j = 0; j < m; j++) {
      total += (double)lanes[j];
      if (y) y[k + j] = lanes[j];
    }
  }
  return total + (double)vf_sum(vf_add(a, b));
}

void ISA(vz_softmax_row_f32)(bool logarithm, size_t n, const float *x, float *y) {
  float top = row_top(n, x);
  double sum = row_exponentials(n, x, top, logarithm ? NULL : y);
  if (logarithm) {
    vf lost = vf_set((float)log(sum)), shift = vf_set(top);
    for (size_t k = 0; k < n; k += VF) {
      size_t m = n - k < VF ? n - k : VF;
      store_some(y + k, m, vf_sub(vf_sub(load_some(x + k, m), shift), lost));
    }
    return;
  }
  vf factor = vf_set((float)(1 / sum));
  for (size_t k = 0; k < n; k += VF) {
    size_t m = n - k < VF ? n - k : VF;
    store_some(y + k, m, vf_mul(load_some(y + k, m), factor));
  }
}

float ISA(vz_softmax_weights_f32)(size_t n, float *x) { return (float)(1 / row_exponentials(n, x, row_top(n, x), x)); }

void ISA(vz_softmax_columns_f32)(bool logarithm, size_t length, size_t cols, const float *x, ptrdiff_t x_row, float *y,
                                 ptrdiff_t y_row) {
  for (size_t c = 0; c < cols; c += VF) {
    size_t m = cols - c < VF ? cols - c : VF;
    vf top = vf_set(-INFINITY), sum = vf_zero(), block = vf_zero();
    for (size_t k = 0; k < length; k++) top = keep_max(top, load_some(x + (ptrdiff_t)k * x_row + c, m));
    for (size_t k = 0; k < length; k++) {
      vf e = vf_exp(vf_sub(load_some(x + (ptrdiff_t)k * x_row + c, m), top));
      block = vf_add(block, e);
      if (k % 32 == 31) {
        sum = vf_add(sum, block);
        block = vf_zero();
      }
      if (!logarithm) store_some(y + (ptrdiff_t)k * y_row + c, m, e);
    }
    sum = vf_add(sum, block);
    vf factor = vf_div(vf_set(1), sum), lost = vf_log(sum);
    for (size_t k = 0; k < length; k++) {
      float *to = y + (ptrdiff_t)k * y_row + c;
      const float *from = x + (ptrdiff_t)k * x_row + c;
      store_some(to, m, logarithm ? vf_sub(vf_sub(load_some(from, m), top), lost) : vf_mul(load_some(to, m), factor));
    }
  }
}
