/* Resampling over the vector vocabulary. */

static void one_tap(size_t n, const int32_t *index, const float *x, float *y) {
  for (size_t j = 0; j < n; j++) y[j] = x[index[j]];
}

/* Two taps are the linear case: their tables hold pairs, one pair per output. */
static void two_taps(size_t n, const int32_t *index, const float *weight, const float *x, float *y) {
  size_t j = 0;
  for (; j + VF <= n; j += VF) {
    float first[VF], second[VF];
    for (size_t k = 0; k < VF; k++) {
      first[k] = x[index[2 * (j + k)]];
      second[k] = x[index[2 * (j + k) + 1]];
    }
    vf w, v;
    vf_split(weight + 2 * j, &w, &v);
    vf_store(y + j, vf_fma(v, vf_load(second), vf_mul(w, vf_load(first))));
  }
  for (; j < n; j++) y[j] = weight[2 * j] * x[index[2 * j]] + weight[2 * j + 1] * x[index[2 * j + 1]];
}

void ISA(vz_resize_row_f32)(size_t n, size_t taps, const int32_t *index, const float *weight, const float *x,
                            float *y) {
  if (!weight) {
    one_tap(n, index, x, y);
    return;
  }
  if (taps == 2) {
    two_taps(n, index, weight, x, y);
    return;
  }
  for (size_t j = 0; j < n; j++) {
    float sum = 0;
    for (size_t t = j * taps; t < (j + 1) * taps; t++) sum += weight[t] * x[index[t]];
    y[j] = sum;
  }
}

void ISA(vz_resize_blend_f32)(size_t n, size_t taps, const float *weight, const float *const *tap, float *y) {
  for (size_t j = 0; j < n; j += VF) {
    size_t m = n - j < VF ? n - j : VF;
    if (m == VF) {
      vf sum = vf_mul(vf_splat(weight), vf_load(tap[0] + j));
      for (size_t t = 1; t < taps; t++) sum = vf_fma(vf_splat(weight + t), vf_load(tap[t] + j), sum);
      vf_store(y + j, sum);
    } else {
      vf sum = vf_mul(vf_splat(weight), vf_load_n(tap[0] + j, m));
      for (size_t t = 1; t < taps; t++) sum = vf_fma(vf_splat(weight + t), vf_load_n(tap[t] + j, m), sum);
      vf_store_n(y + j, m, sum);
    }
  }
}
