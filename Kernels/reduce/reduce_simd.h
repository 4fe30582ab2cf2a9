/* Folds over the vector vocabulary. Runs of BLOCK elements per lane are summed in float, the runs in double. */
#include "../common/vz_simd_math.h"

enum { LANES = 4 * VF, BLOCK = 32 };

typedef vf (*term)(vf x, vf shift);
VZ_SIMD_INLINE vf term_value(vf x, vf shift) { return vf_sub(x, shift); }
VZ_SIMD_INLINE vf term_abs(vf x, __attribute__((unused)) vf shift) { return vf_abs(x); }
VZ_SIMD_INLINE vf term_square(vf x, vf shift) {
  vf d = vf_sub(x, shift);
  return vf_mul(d, d);
}
VZ_SIMD_INLINE vf term_exp(vf x, vf shift) { return vf_exp(vf_sub(x, shift)); }

VZ_SIMD_INLINE double sum_row(term f, size_t n, const float *x, vf shift) {
  double total = 0;
  size_t k = 0;
  while (k + LANES <= n) {
    size_t last = n - k < BLOCK * LANES ? n / LANES * LANES + k % LANES : k + BLOCK * LANES;
    vf a = f(vf_load(x + k), shift), b = f(vf_load(x + k + VF), shift);
    vf c = f(vf_load(x + k + 2 * VF), shift), d = f(vf_load(x + k + 3 * VF), shift);
    for (k += LANES; k < last; k += LANES) {
      a = vf_add(a, f(vf_load(x + k), shift));
      b = vf_add(b, f(vf_load(x + k + VF), shift));
      c = vf_add(c, f(vf_load(x + k + 2 * VF), shift));
      d = vf_add(d, f(vf_load(x + k + 3 * VF), shift));
    }
    total += (double)vf_sum(vf_add(vf_add(a, b), vf_add(c, d)));
  }
  vf rest = vf_zero();
  for (; k + VF <= n; k += VF) rest = vf_add(rest, f(vf_load(x + k), shift));
  total += (double)vf_sum(rest);
  if (k == n) return total;
  float tail[VF];
  vf_store(tail, f(vf_load_n(x + k, n - k), shift));
  for (size_t j = 0; j < n - k; j++) total += (double)tail[j];
  return total;
}

typedef vf (*choice)(vf a, vf b);
VZ_SIMD_INLINE vf keep_min(vf a, vf b) { return vf_select(vf_nan(a), a, vf_min(a, b)); }
VZ_SIMD_INLINE vf keep_max(vf a, vf b) { return vf_select(vf_nan(a), a, vf_max(a, b)); }

VZ_SIMD_INLINE double choose_row(choice f, float neutral, size_t n, const float *x) {
  vf a = vf_set(neutral), b = a;
  size_t k = 0;
  for (; k + 2 * VF <= n; k += 2 * VF) {
    a = f(a, vf_load(x + k));
    b = f(b, vf_load(x + k + VF));
  }
  a = f(a, b);
  float lanes[VF], tail = neutral;
  vf_store(lanes, a);
  for (size_t j = 0; j < VF + n - k; j++) {
    float v = j < VF ? lanes[j] : x[k + j - VF];
    if (v != v) return (double)v;
    tail = neutral < 0 ? (v > tail ? v : tail) : (v < tail ? v : tail);
  }
  return (double)tail;
}

double ISA(vz_reduce_row_f32)(vz_reduce_step step, size_t n, const float *x, float shift) {
  switch (step) {
  case VZ_STEP_SUM:
    return sum_row(term_value, n, x, vf_set(shift));
  case VZ_STEP_ABS:
    return sum_row(term_abs, n, x, vf_zero());
  case VZ_STEP_SQUARE:
    return sum_row(term_square, n, x, vf_set(shift));
  case VZ_STEP_EXP:
    return sum_row(term_exp, n, x, vf_set(shift));
  case VZ_STEP_MIN:
    return choose_row(keep_min, __builtin_inff(), n, x);
  case VZ_STEP_MAX:
    return choose_row(keep_max, -__builtin_inff(), n, x);
  case VZ_STEP_PROD:
    break; /* in double, where it neither overflows nor vanishes on the way */
  }
  return vz_reduce_row_f32_scalar(step, n, x, shift);
}

VZ_SIMD_INLINE vf load_some(const float *x, size_t m) { return m == VF ? vf_load(x) : vf_load_n(x, m); }

VZ_SIMD_INLINE void sum_columns(term f, size_t rows, size_t m, const float *x, ptrdiff_t x_row, vf shift,
                                double *into) {
  float lanes[VF];
  for (size_t r = 0; r < rows; r += BLOCK) {
    size_t last = rows - r < BLOCK ? rows : r + BLOCK;
    vf sum = vf_zero();
    for (size_t k = r; k < last; k++) sum = vf_add(sum, f(load_some(x + (ptrdiff_t)k * x_row, m), shift));
    vf_store(lanes, sum);
    for (size_t c = 0; c < m; c++) into[c] += (double)lanes[c];
  }
}

VZ_SIMD_INLINE void choose_columns(choice f, float neutral, size_t rows, size_t m, const float *x, ptrdiff_t x_row,
                                   double *into) {
  vf best = vf_set(neutral);
  for (size_t r = 0; r < rows; r++) best = f(best, load_some(x + (ptrdiff_t)r * x_row, m));
  float lanes[VF];
  vf_store(lanes, best);
  for (size_t c = 0; c < m; c++) {
    double v = (double)lanes[c];
    bool better = neutral < 0 ? v > into[c] : v < into[c];
    if (into[c] == into[c] && (better || v != v)) into[c] = v;
  }
}

void ISA(vz_reduce_columns_f32)(vz_reduce_step step, size_t rows, size_t cols, const float *x, ptrdiff_t x_row,
                                const float *shift, double *into) {
  if (step == VZ_STEP_PROD) {
    vz_reduce_columns_f32_scalar(step, rows, cols, x, x_row, shift, into);
    return;
  }
  for (size_t c = 0; c < cols; c += VF) {
    size_t m = cols - c < VF ? cols - c : VF;
    vf s = shift ? load_some(shift + c, m) : vf_zero();
    switch (step) {
    case VZ_STEP_SUM:
      sum_columns(term_value, rows, m, x + c, x_row, s, into + c);
      break;
    case VZ_STEP_ABS:
      sum_columns(term_abs, rows, m, x + c, x_row, s, into + c);
      break;
    case VZ_STEP_SQUARE:
      sum_columns(term_square, rows, m, x + c, x_row, s, into + c);
      break;
    case VZ_STEP_EXP:
      sum_columns(term_exp, rows, m, x + c, x_row, s, into + c);
      break;
    case VZ_STEP_MIN:
      choose_columns(keep_min, __builtin_inff(), rows, m, x + c, x_row, into + c);
      break;
    case VZ_STEP_MAX:
      choose_columns(keep_max, -__builtin_inff(), rows, m, x + c, x_row, into + c);
      break;
    case VZ_STEP_PROD:
      break;
    }
  }
}
