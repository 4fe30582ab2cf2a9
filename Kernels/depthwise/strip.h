/* vz_strip over the vector vocabulary. Include inside a target region. */

#define UNROLLED(i, count) _Pragma("clang loop unroll(full)") for (size_t i = 0; i < (count); i++)

/* Pixels that are computed at once: as many as there are registers for. */
enum { STRIP_PIXELS = VF == 16 ? 6 : 4, STRIP_CHANNELS = 64 };

/* The sums of P pixels, the first at x of each row, for the n channels from c: all of a vector if `whole`. */
VZ_SIMD_INLINE void strip_sums(const size_t P, const bool whole, const vz_strip *s, size_t x, size_t c, size_t n,
                               vf acc[]) {
  vf bias = !s->bias ? vf_zero() : whole ? vf_load(s->bias + c) : vf_load_n(s->bias + c, n);
  UNROLLED(p, P) { acc[p] = bias; }
  for (size_t t = 0; t < s->rows; t++) {
    const float *row = s->x[t] + x + c, *w = s->w + t * s->w_row + c;
    for (size_t u = 0; u < s->cols; u++) {
      vf weight = whole ? vf_load(w) : vf_load_n(w, n);
      UNROLLED(p, P) {
        const float *at = row + p * s->x_step;
        acc[p] = vf_fma(whole ? vf_load(at) : vf_load_n(at, n), weight, acc[p]);
      }
      row += s->x_col;
      w += s->w_col;
    }
  }
}

/* Adds three taps of a row at stride 1: neighbouring pixels share their inputs. */
VZ_SIMD_INLINE void strip_add_3(const size_t P, size_t step, size_t w_col, const float *row, const float *w, vf acc[]) {
  vf w0 = vf_load(w), w1 = vf_load(w + w_col), w2 = vf_load(w + 2 * w_col);
  vf in[STRIP_PIXELS + 2];
  UNROLLED(i, P + 2) { in[i] = vf_load(row + i * step); }
  UNROLLED(p, P) {
    acc[p] = vf_fma(in[p], w0, acc[p]);
    acc[p] = vf_fma(in[p + 1], w1, acc[p]);
    acc[p] = vf_fma(in[p + 2], w2, acc[p]);
  }
}

/* strip_sums for three taps a row at stride 1. */
VZ_SIMD_INLINE void strip_sums_3(const size_t P, const size_t rows, const vz_strip *s, size_t x, size_t c, vf acc[]) {
  vf bias = s->bias ? vf_load(s->bias + c) : vf_zero();
  UNROLLED(p, P) { acc[p] = bias; }
  size_t step = s->x_step, w_col = s->w_col;
  if (VF == 16) {
    UNROLLED(t, rows) { strip_add_3(P, step, w_col, s->x[t] + x + c, s->w + t * s->w_row + c, acc); }
  } else {
    /* Unrolled, more is loaded ahead than 16 registers hold. */
    _Pragma("clang loop unroll(disable)") for (size_t t = 0; t < rows; t++) {
      strip_add_3(P, step, w_col, s->x[t] + x + c, s->w + t * s->w_row + c, acc);
    }
  }
}

/* Ends P pixels of n channels whose activation is a clamp. */
VZ_SIMD_INLINE void strip_clamp(const size_t P, const bool whole, const vz_strip *s, size_t first, size_t c, size_t n,
                                vf acc[]) {
  vf low = vf_set(s->low), high = vf_set(s->high);
  UNROLLED(p, P) {
    vf y = acc[p], residual = vf_zero();
    if (s->residual) {
      const float *from = s->residual + (first + p) * s->residual_step + c;
      residual = whole ? vf_load(from) : vf_load_n(from, n);
      if (!s->residual_after) y = vf_add(y, residual);
    }
    y = vf_min(high, vf_max(low, y));
    if (s->residual && s->residual_after) y = vf_add(y, residual);
    float *to = s->y + (first + p) * s->y_step + c;
    if (whole) {
      vf_store(to, y);
    } else {
      vf_store_n(to, n, y);
    }
  }
}

/* P pixels from `first`; `rows` is 3 if s has three rows of three taps at stride 1, which are computed together. */
VZ_SIMD_INLINE void strip_pixels(const size_t P, const size_t rows, const vz_strip *s, size_t first) {
  size_t x = s->x_first + first * s->x_step;
  size_t c = 0;
  vf acc[STRIP_PIXELS];
  for (; c + VF <= s->channels; c += VF) {
    if (rows) {
      strip_sums_3(P, rows, s, x, c, acc);
    } else {
      strip_sums(P, true, s, x, c, VF, acc);
    }
    strip_clamp(P, true, s, first, c, VF, acc);
  }
  if (c == s->channels) return;
  strip_sums(P, false, s, x, c, s->channels - c, acc);
  strip_clamp(P, false, s, first, c, s->channels - c, acc);
}

/* One pixel, any activation, through a buffer of sums. */
static void strip_pixel_any(const vz_strip *s, size_t first) {
  size_t x = s->x_first + first * s->x_step;
  for (size_t block = 0; block < s->channels; block += STRIP_CHANNELS) {
    size_t count = s->channels - block < STRIP_CHANNELS ? s->channels - block : STRIP_CHANNELS;
    const float *residual = s->residual ? s->residual + first * s->residual_step + block : NULL;
    float *y = s->y + first * s->y_step + block, sum[STRIP_CHANNELS];
    for (size_t c = 0; c < count; c += VF) {
      size_t n = count - c < VF ? count - c : VF;
      vf acc[STRIP_PIXELS];
      strip_sums(1, false, s, x, block + c, n, acc);
      if (residual && !s->residual_after) acc[0] = vf_add(acc[0], vf_load_n(residual + c, n));
      vf_store(sum + c, acc[0]);
    }
    vz_act act = *s->act;
    if (act.slope) act.slope += block;
    ISA(vz_activate_f32)(1, count, &act, sum, STRIP_CHANNELS);
    for (size_t c = 0; c < count; c += VF) {
      size_t n = count - c < VF ? count - c : VF;
      vf v = vf_load(sum + c);
      if (residual && s->residual_after) v = vf_add(v, vf_load_n(residual + c, n));
      vf_store_n(y + c, n, v);
    }
  }
}

void ISA(vz_strip_f32)(const vz_strip *s) {
  size_t p = 0;
  if (s->act) {
    for (; p < s->pixels; p++) strip_pixel_any(s, p);
    return;
  }
  if (s->rows == 3 && s->cols == 3 && s->x_col == s->x_step) {
    for (; p + STRIP_PIXELS <= s->pixels; p += STRIP_PIXELS) strip_pixels(STRIP_PIXELS, 3, s, p);
    if (p + 4 <= s->pixels) strip_pixels(4, 3, s, p), p += 4;
  } else if (s->rows == 2 && s->cols == 3 && s->x_col == s->x_step) {
    for (; p + 4 <= s->pixels; p += 4) strip_pixels(4, 2, s, p);
  } else {
    for (; p + 4 <= s->pixels; p += 4) strip_pixels(4, 0, s, p);
  }
  switch (s->pixels - p) {
  case 3:
    strip_pixels(3, 0, s, p);
    return;
  case 2:
    strip_pixels(2, 0, s, p);
    return;
  case 1:
    strip_pixels(1, 0, s, p);
    return;
  }
}
