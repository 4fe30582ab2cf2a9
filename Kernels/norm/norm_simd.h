/* Applying a normalization, over the vector vocabulary. */

VZ_SIMD_INLINE vf load_some(const float *x, size_t m) { return m == VF ? vf_load(x) : vf_load_n(x, m); }
VZ_SIMD_INLINE void store_some(float *y, size_t m, vf v) {
  if (m == VF)
    vf_store(y, v);
  else
    vf_store_n(y, m, v);
}

VZ_SIMD_INLINE void norm_row(size_t n, const float *x, vf mean, vf factor, const float *scale, const float *bias,
                             float *y) {
  for (size_t c = 0; c < n; c += VF) {
    size_t m = n - c < VF ? n - c : VF;
    vf z = vf_mul(vf_sub(load_some(x + c, m), mean), factor);
    if (scale && bias)
      z = vf_fma(z, load_some(scale + c, m), load_some(bias + c, m));
    else if (scale)
      z = vf_mul(z, load_some(scale + c, m));
    else if (bias)
      z = vf_add(z, load_some(bias + c, m));
    store_some(y + c, m, z);
  }
}

void ISA(vz_norm_row_f32)(size_t n, const float *x, float mean, float factor, const float *scale, const float *bias,
                          float *y) {
  if (scale && bias)
    norm_row(n, x, vf_set(mean), vf_set(factor), scale, bias, y);
  else if (scale)
    norm_row(n, x, vf_set(mean), vf_set(factor), scale, NULL, y);
  else if (bias)
    norm_row(n, x, vf_set(mean), vf_set(factor), NULL, bias, y);
  else
    norm_row(n, x, vf_set(mean), vf_set(factor), NULL, NULL, y);
}

void ISA(vz_norm_plane_f32)(size_t n, const float *x, float mean, float factor, float bias, float *y) {
  vf middle = vf_set(mean), scale = vf_set(factor), offset = vf_set(bias);
  for (size_t k = 0; k < n; k += VF) {
    size_t m = n - k < VF ? n - k : VF;
    store_some(y + k, m, vf_fma(vf_sub(load_some(x + k, m), middle), scale, offset));
  }
}

void ISA(vz_norm_columns_f32)(size_t rows, size_t cols, const float *x, ptrdiff_t x_row, const float *mean,
                              const float *factor, const float *bias, float *y, ptrdiff_t y_row) {
  for (size_t c = 0; c < cols; c += 2 * VF) {
    size_t m = cols - c < VF ? cols - c : VF, left = cols - c - m, p = left < VF ? left : VF;
    vf middle = load_some(mean + c, m), scale = load_some(factor + c, m), offset = load_some(bias + c, m);
    vf middle2 = vf_load_n(mean + c + m, p), scale2 = vf_load_n(factor + c + m, p),
       offset2 = vf_load_n(bias + c + m, p);
    for (size_t r = 0; r < rows; r++) {
      const float *from = x + (ptrdiff_t)r * x_row + c;
      float *to = y + (ptrdiff_t)r * y_row + c;
      store_some(to, m, vf_fma(vf_sub(load_some(from, m), middle), scale, offset));
      if (p) store_some(to + VF, p, vf_fma(vf_sub(load_some(from + VF, p), middle2), scale2, offset2));
    }
  }
}
