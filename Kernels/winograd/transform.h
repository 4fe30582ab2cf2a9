/* The transforms of Winograd's F(4 x 4, 3 x 3) over the vector vocabulary. Include inside a target region. */
#include "vz_winograd.h"

#define UNROLLED(i, count) _Pragma("clang loop unroll(full)") for (size_t i = 0; i < (count); i++)

/* One row of B' times six values. */
VZ_SIMD_INLINE void winograd_in_6(const vf d[6], vf r[6]) {
  vf half = vf_set(0.5f), more = vf_set(1.5f), two = vf_set(2);
  vf t = vf_sub(d[4], d[2]), u = vf_sub(d[3], d[1]);
  r[0] = vf_fma(more, u, vf_add(vf_sub(d[0], d[2]), t));
  r[1] = vf_fma(more, vf_add(d[2], d[3]), vf_add(t, u));
  r[2] = vf_fma(more, vf_sub(d[3], d[2]), vf_sub(t, u));
  r[3] = vf_fma(two, u, t);
  r[4] = vf_fnma(half, u, t);
  r[5] = vf_fma(more, t, vf_sub(vf_sub(d[5], d[3]), u));
}

/* A' times six values. */
VZ_SIMD_INLINE void winograd_out_6(const vf m[6], vf r[4]) {
  vf s = vf_add(m[1], m[2]), d = vf_sub(m[1], m[2]);
  r[0] = vf_add(vf_add(m[0], s), vf_add(m[3], m[4]));
  r[1] = vf_fnma(vf_set(2), m[4], vf_fma(vf_set(0.5f), m[3], d));
  r[2] = vf_fma(vf_set(4), m[4], vf_fma(vf_set(0.25f), m[3], s));
  r[3] = vf_add(m[5], vf_fnma(vf_set(8), m[4], vf_fma(vf_set(0.125f), m[3], d)));
}

VZ_SIMD_INLINE void winograd_in_vector(const vz_winograd_in *tile, size_t c, const bool whole, size_t n) {
  vf rows[6][6]; /* [column][row of B' d] */
#pragma clang loop unroll(disable)
  for (size_t j = 0; j < 6; j++) {
    vf d[6];
    UNROLLED(i, 6) {
      const float *from = tile->pixels[6 * i + j] + c;
      d[i] = whole ? vf_load(from) : vf_load_n(from, n);
    }
    winograd_in_6(d, rows[j]);
  }
  float *v = tile->v + c;
#pragma clang loop unroll(disable)
  for (size_t i = 0; i < 6; i++) {
    vf d[6], r[6];
    UNROLLED(j, 6) { d[j] = rows[j][i]; }
    winograd_in_6(d, r);
    UNROLLED(j, 6) { vf_store(v + j * tile->v_step, r[j]); }
    v += 6 * tile->v_step;
  }
}

void ISA(vz_winograd_in_f32)(const vz_winograd_in *tile) {
  size_t c = 0;
  for (; c + VF <= tile->channels; c += VF) winograd_in_vector(tile, c, true, VF);
  if (c < tile->channels) winograd_in_vector(tile, c, false, tile->channels - c);
}

/* Ends a pixel row of a tile: r[j] are its sums. */
VZ_SIMD_INLINE void winograd_clamp(const vz_winograd_out *tile, size_t i, size_t c, const bool whole, size_t n,
                                   const vf r[4]) {
  vf low = vf_set(tile->low), high = vf_set(tile->high);
  float *y = tile->y + i * tile->y_row + c;
  const float *residual = tile->residual ? tile->residual + i * tile->residual_row + c : NULL;
  UNROLLED(j, 4) {
    if (j < tile->cols) {
      vf x = r[j], more = vf_zero();
      if (residual) {
        const float *from = residual + j * tile->residual_col;
        more = whole ? vf_load(from) : vf_load_n(from, n);
        if (!tile->residual_after) x = vf_add(x, more);
      }
      x = vf_min(high, vf_max(low, x));
      if (residual && tile->residual_after) x = vf_add(x, more);
      if (whole) {
        vf_store(y + j * tile->y_col, x);
      } else {
        vf_store_n(y + j * tile->y_col, n, x);
      }
    }
  }
}

/* The same through memory, for activations that are more than a clamp. */
static __attribute__((noinline)) void winograd_activate(const vz_winograd_out *tile, size_t i, size_t c, size_t n,
                                                        float *sum) {
  float *y = tile->y + i * tile->y_row + c;
  const float *residual = tile->residual ? tile->residual + i * tile->residual_row + c : NULL;
  if (residual && !tile->residual_after) {
    for (size_t j = 0; j < tile->cols; j++) {
      vf_store(sum + j * VF, vf_add(vf_load(sum + j * VF), vf_load_n(residual + j * tile->residual_col, n)));
    }
  }
  vz_act act = *tile->act;
  if (act.slope) act.slope += c;
  ISA(vz_activate_f32)(tile->cols, n, &act, sum, VF);
  for (size_t j = 0; j < tile->cols; j++) {
    vf x = vf_load(sum + j * VF);
    if (residual && tile->residual_after) x = vf_add(x, vf_load_n(residual + j * tile->residual_col, n));
    vf_store_n(y + j * tile->y_col, n, x);
  }
}

VZ_SIMD_INLINE void winograd_out_vector(const vz_winograd_out *tile, size_t c, const bool whole, size_t n) {
  vf columns[6][4]; /* [column][row of A' m] */
  const float *m = tile->m + c;
#pragma clang loop unroll(disable)
  for (size_t j = 0; j < 6; j++) {
    vf d[6];
    UNROLLED(i, 6) { d[i] = vf_load(m + (6 * i + j) * tile->m_step); }
    winograd_out_6(d, columns[j]);
  }
  vf bias = !tile->bias ? vf_zero() : whole ? vf_load(tile->bias + c) : vf_load_n(tile->bias + c, n);
#pragma clang loop unroll(disable)
  for (size_t i = 0; i < tile->rows; i++) {
    vf d[6], r[4];
    UNROLLED(j, 6) { d[j] = columns[j][i]; }
    winograd_out_6(d, r);
    UNROLLED(j, 4) { r[j] = vf_add(r[j], bias); }
    if (tile->act) {
      float sum[4 * VF];
      UNROLLED(j, 4) { vf_store(sum + j * VF, r[j]); }
      winograd_activate(tile, i, c, n, sum);
    } else {
      winograd_clamp(tile, i, c, whole, n, r);
    }
  }
}

void ISA(vz_winograd_out_f32)(const vz_winograd_out *tile) {
  size_t c = 0;
  for (; c + VF <= tile->n; c += VF) winograd_out_vector(tile, c, true, VF);
  if (c < tile->n) winograd_out_vector(tile, c, false, tile->n - c);
}
