/* Pooling windows of many outputs at once, over the vector vocabulary. */

VZ_SIMD_INLINE vf keep_max(vf a, vf b) { return vf_select(vf_nan(a), a, vf_max(a, b)); }

/* x[0], x[step], ... ; all the floats in between are readable, those after the last are not. */
VZ_SIMD_INLINE vf load_steps(const float *x, size_t step) {
  if (step == 1) return vf_load(x);
  if (step == 2) { /* the odd ones are dropped; reading starts one earlier, so that it ends with an even one */
    vf even, odd;
    vf_split(x - 1, &even, &odd);
    return odd;
  }
  float lanes[VF];
  for (size_t k = 0; k < VF; k++) lanes[k] = x[k * step];
  return vf_load(lanes);
}

VZ_SIMD_INLINE vf max_of(size_t taps, const float *const *tap, size_t at, size_t step) {
  vf top = load_steps(tap[0] + at, step);
  for (size_t t = 1; t < taps; t++) top = keep_max(top, load_steps(tap[t] + at, step));
  return top;
}

VZ_SIMD_INLINE vf sum_of(size_t taps, const float *const *tap, size_t at, size_t step) {
  vf sum = load_steps(tap[0] + at, step);
  for (size_t t = 1; t < taps; t++) sum = vf_add(sum, load_steps(tap[t] + at, step));
  return sum;
}

VZ_SIMD_INLINE void max_run(size_t taps, const float *const *tap, size_t step, size_t n, float *y) {
  size_t j = step == 2 && n ? 1 : 0; /* so that one float before each load may be read */
  if (j) vz_pool_max_f32_scalar(taps, tap, step, 1, y);
  for (; j + VF <= n; j += VF) vf_store(y + j, max_of(taps, tap, j * step, step));
  for (; j < n; j++) {
    float top = tap[0][j * step];
    for (size_t t = 1; t < taps; t++) {
      float x = tap[t][j * step];
      if (x > top || x != x) top = x;
    }
    y[j] = top;
  }
}

VZ_SIMD_INLINE void average_run(size_t taps, const float *const *tap, size_t step, size_t n, float divisor, float *y) {
  size_t j = step == 2 && n ? 1 : 0;
  if (j) vz_pool_average_f32_scalar(taps, tap, step, 1, divisor, y);
  for (; j + VF <= n; j += VF) vf_store(y + j, vf_div(sum_of(taps, tap, j * step, step), vf_set(divisor)));
  for (; j < n; j++) {
    float sum = 0;
    for (size_t t = 0; t < taps; t++) sum += tap[t][j * step];
    y[j] = sum / divisor;
  }
}

void ISA(vz_pool_max_f32)(size_t taps, const float *const *tap, size_t step, size_t n, float *y) {
  if (step == 1)
    max_run(taps, tap, 1, n, y);
  else if (step == 2)
    max_run(taps, tap, 2, n, y);
  else
    max_run(taps, tap, step, n, y);
}

void ISA(vz_pool_average_f32)(size_t taps, const float *const *tap, size_t step, size_t n, float divisor, float *y) {
  if (step == 1)
    average_run(taps, tap, 1, n, divisor, y);
  else if (step == 2)
    average_run(taps, tap, 2, n, divisor, y);
  else
    average_run(taps, tap, step, n, divisor, y);
}
