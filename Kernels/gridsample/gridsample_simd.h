/* Bilinear sampling over the vector vocabulary; the operations on positions are those of gridsample_position.h. */

VZ_SIMD_INLINE vf pixel_of(vf g, float size, bool align_corners) {
  vf one = vf_set(1), half = vf_set(0.5f), p = vf_add(g, one);
  if (align_corners) return vf_mul(vf_mul(p, half), vf_set(size - 1));
  return vf_mul(vf_sub(vf_mul(p, vf_set(size)), one), half);
}

VZ_SIMD_INLINE vf reflect(vf p, float size, bool align_corners) {
  vf low = vf_set(align_corners ? 0 : -0.5f), span = vf_set(align_corners ? size - 1 : size);
  vf distance = vf_abs(vf_sub(p, low));
  vf flips = vf_floor(vf_div(distance, span));
  vf rest = vf_sub(distance, vf_mul(flips, span));
  vf even_flips = vf_mul(vf_set(2), vf_floor(vf_mul(flips, vf_set(0.5f))));
  return vf_add(low, vf_select(vf_eq(flips, even_flips), rest, vf_sub(span, rest)));
}

/* The first of the two neighbouring pixels of each position, and the weights of both. */
VZ_SIMD_INLINE vi sample_axis(vf g, float size, int padding, bool align_corners, vf *first_weight, vf *second_weight) {
  vf p = pixel_of(g, size, align_corners);
  if (padding == VZ_GRIDSAMPLE_REFLECTION) p = reflect(p, size, align_corners);
  vf low = vf_set(padding == VZ_GRIDSAMPLE_ZEROS ? -2 : 0);
  vf high = vf_set(padding == VZ_GRIDSAMPLE_ZEROS ? size + 1 : size - 1);
  p = vf_min(vf_select(vf_lt(low, p), p, low), high); /* NaN goes low */
  vf below = vf_floor(p), zero = vf_zero(), one = vf_set(1);
  vf second = vf_sub(p, below), first = vf_sub(one, second);
  vf at = vf_min(vf_max(below, zero), vf_set(size - 2));
  /* Only a position in the first or last gap, or outside, moves to a pair that begins elsewhere. */
  vm inside = vf_eq(below, at), before = vf_eq(vf_add(below, one), at), after = vf_eq(vf_sub(below, one), at);
  *first_weight = vf_select(inside, first, vf_select(before, second, zero));
  *second_weight = vf_select(inside, second, vf_select(after, first, zero));
  return vf_to_int(at);
}

void ISA(vz_gridsample_points_f32)(size_t n, const float *gx, const float *gy, size_t height, size_t width, int padding,
                                   bool align_corners, ptrdiff_t row, ptrdiff_t column, int32_t *offset, float *weight,
                                   size_t ld) {
  for (size_t i = 0; i < n; i += VF) {
    size_t m = n - i < VF ? n - i : VF;
    vf left, right, top, bottom;
    vf x = m == VF ? vf_load(gx + i) : vf_load_n(gx + i, m), y = m == VF ? vf_load(gy + i) : vf_load_n(gy + i, m);
    vi at_x = sample_axis(x, (float)width, padding, align_corners, &left, &right);
    vi at_y = sample_axis(y, (float)height, padding, align_corners, &top, &bottom);
    vi at = vi_add(vi_mul(at_y, vi_set((int32_t)row)), vi_mul(at_x, vi_set((int32_t)column)));
    const vf products[4] = {vf_mul(top, left), vf_mul(top, right), vf_mul(bottom, left), vf_mul(bottom, right)};
    if (m == VF) {
      vi_store(offset + i, at);
      for (size_t k = 0; k < 4; k++) vf_store(weight + k * ld + i, products[k]);
      continue;
    }
    int32_t tail[VF];
    vi_store(tail, at);
    memcpy(offset + i, tail, m * sizeof *tail);
    for (size_t k = 0; k < 4; k++) vf_store_n(weight + k * ld + i, m, products[k]);
  }
}

void ISA(vz_gridsample_planes_f32)(size_t n, size_t channels, const float *x, ptrdiff_t x_channel, ptrdiff_t x_row,
                                   const int32_t *offset, const float *weight, size_t ld, float *y,
                                   ptrdiff_t y_channel) {
  for (size_t i = 0; i < n; i += VF) {
    size_t m = n - i < VF ? n - i : VF;
    int32_t tail[VF] = {0};
    const int32_t *at = offset + i;
    vf w[4];
    if (m < VF) {
      memcpy(tail, at, m * sizeof *tail);
      at = tail;
      for (size_t k = 0; k < 4; k++) w[k] = vf_load_n(weight + k * ld + i, m);
    } else {
      for (size_t k = 0; k < 4; k++) w[k] = vf_load(weight + k * ld + i);
    }
    for (size_t c = 0; c < channels; c++) {
      const float *plane = x + (ptrdiff_t)c * x_channel;
      vf a, b, d, e;
      vf_gather_pairs(plane, at, &a, &b);
      vf_gather_pairs(plane + x_row, at, &d, &e);
      vf sum = vf_add(vf_fma(w[0], a, vf_mul(w[1], b)), vf_fma(w[2], d, vf_mul(w[3], e)));
      float *to = y + (ptrdiff_t)c * y_channel + i;
      if (m == VF)
        vf_store(to, sum);
      else
        vf_store_n(to, m, sum);
    }
  }
}

void ISA(vz_gridsample_pixels_f32)(size_t n, size_t channels, const float *x, ptrdiff_t x_row, ptrdiff_t x_column,
                                   const int32_t *offset, const float *weight, size_t ld, float *y, ptrdiff_t y_pixel) {
  for (size_t i = 0; i < n; i++) {
    vf w0 = vf_splat(weight + i), w1 = vf_splat(weight + ld + i), w2 = vf_splat(weight + 2 * ld + i);
    vf w3 = vf_splat(weight + 3 * ld + i);
    const float *p = x + offset[i], *q = p + x_row;
    float *to = y + (ptrdiff_t)i * y_pixel;
    size_t c = 0;
    for (; c + VF <= channels; c += VF) {
      vf top = vf_fma(w0, vf_load(p + c), vf_mul(w1, vf_load(p + x_column + c)));
      vf bottom = vf_fma(w2, vf_load(q + c), vf_mul(w3, vf_load(q + x_column + c)));
      vf_store(to + c, vf_add(top, bottom));
    }
    size_t m = channels - c;
    if (m == 0) continue;
    vf top = vf_fma(w0, vf_load_n(p + c, m), vf_mul(w1, vf_load_n(p + x_column + c, m)));
    vf bottom = vf_fma(w2, vf_load_n(q + c, m), vf_mul(w3, vf_load_n(q + x_column + c, m)));
    vf_store_n(to + c, m, vf_add(top, bottom));
  }
}
