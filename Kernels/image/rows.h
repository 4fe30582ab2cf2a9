/* The rows of vz_image.def for one instruction set; include inside a target region. Plain loops are turned into vectors
   by the compiler; where a pixel is the vector, vector types say so. */
#pragma clang fp contract(fast)

void ISA(vz_image_add_u8)(size_t n, float w, const uint8_t *restrict x, float *restrict y) {
  for (size_t i = 0; i < n; i++) y[i] += w * x[i];
}

void ISA(vz_image_blend_f32)(size_t n, size_t taps, const float *w, const float *const *x, float *y) {
  size_t i = 0;
  for (; i + 2 * VF <= n; i += 2 * VF) {
    vf a = vf_zero(), b = vf_zero();
    for (size_t t = 0; t < taps; t++) {
      vf k = vf_splat(w + t);
      a = vf_fma(k, vf_load(x[t] + i), a);
      b = vf_fma(k, vf_load(x[t] + i + VF), b);
    }
    vf_store(y + i, a);
    vf_store(y + i + VF, b);
  }
  for (; i < n; i += VF) {
    size_t lanes = n - i < VF ? n - i : VF;
    vf a = vf_zero();
    for (size_t t = 0; t < taps; t++) a = vf_fma(vf_splat(w + t), vf_load_n(x[t] + i, lanes), a);
    vf_store_n(y + i, lanes, a);
  }
}

/* Columns go through in blocks of LANES bytes, a multiple of 3 and of every vector. */
void ISA(vz_image_window_rgb8)(size_t rows, size_t cols, const uint8_t *restrict x, size_t stride,
                               const float *restrict wy, const float *restrict wx, float y[3]) {
  enum { LANES = 48 };
  float total[LANES] = {0};
  size_t width = 3 * cols, i = 0;
  for (; i + LANES <= width; i += LANES) {
    float column[LANES] = {0};
    for (size_t r = 0; r < rows; r++) {
      const uint8_t *row = x + r * stride + i;
      for (size_t l = 0; l < LANES; l++) column[l] += wy[r] * row[l];
    }
    for (size_t l = 0; l < LANES; l++) total[l] += column[l] * wx[i + l];
  }
  if (i < width) {
    float column[LANES] = {0};
    size_t left = width - i;
    for (size_t r = 0; r < rows; r++) {
      const uint8_t *row = x + r * stride + i;
      for (size_t l = 0; l < left; l++) column[l] += wy[r] * row[l];
    }
    for (size_t l = 0; l < left; l++) total[l] += column[l] * wx[i + l];
  }
  for (size_t c = 0; c < 3; c++) {
    float sum = 0;
    for (size_t l = c; l < LANES; l += 3) sum += total[l];
    y[c] = sum;
  }
}

void ISA(vz_image_pack_f32)(size_t n, const float *restrict r, const float *restrict g, const float *restrict b,
                            float *restrict y) {
  for (size_t i = 0; i < n; i++) {
    y[4 * i] = 255 * r[i];
    y[4 * i + 1] = 255 * g[i];
    y[4 * i + 2] = 255 * b[i];
    y[4 * i + 3] = 0;
  }
}

typedef float f4 __attribute__((vector_size(16)));
typedef float f16 __attribute__((vector_size(64)));
typedef float f16_loose __attribute__((vector_size(64), aligned(4), may_alias));
typedef float f4_loose __attribute__((vector_size(16), aligned(4), may_alias));

enum { CHUNK = 64 };

/* The pixels of one chunk: where their 4x4 taps start, and the weights of those taps. */
typedef struct chunk {
  int32_t at[CHUNK];
  float across[CHUNK][4], down[CHUNK][4];
} chunk;

VZ_SIMD_INLINE void keys_weights(float t, float w[4]) {
  const float a = -0.75f;
  float s = 1 - t;
  w[0] = a * t * s * s;
  w[1] = ((a + 2) * t - (a + 3)) * t * t + 1;
  w[2] = ((a + 2) * s - (a + 3)) * s * s + 1;
  w[3] = a * s * t * t;
}

VZ_SIMD_INLINE void place(chunk *restrict at, size_t n, size_t side, double u, double v, double du, double dv) {
  float u0 = (float)u, v0 = (float)v, us = (float)du, vs = (float)dv, last = (float)side - 1;
  int32_t stride = 4 * (int32_t)(side + 4);
  for (size_t i = 0; i < n; i++) {
    float across = u0 + (float)(int32_t)i * us, down = v0 + (float)(int32_t)i * vs;
    float left = __builtin_floorf(across), top = __builtin_floorf(down);
    left = left < -1 ? -1 : left > last ? last : left;
    top = top < -1 ? -1 : top > last ? last : top;
    at->at[i] = ((int32_t)top + 1) * stride + 4 * ((int32_t)left + 1);
    keys_weights(across - left, at->across[i]);
    keys_weights(down - top, at->down[i]);
  }
}

/* One pixel from 4 rows of 4 taps, each tap 4 channels: a row is one vector of 16. */
VZ_SIMD_INLINE f4 gather(const float *x, size_t stride, const float across[4], const float down[4]) {
  f16 sum = *(const f16_loose *)x * down[0];
  sum += *(const f16_loose *)(x + stride) * down[1];
  sum += *(const f16_loose *)(x + 2 * stride) * down[2];
  sum += *(const f16_loose *)(x + 3 * stride) * down[3];
  f4 w = *(const f4_loose *)across;
  sum *= __builtin_shufflevector(w, w, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
  f4 a = __builtin_shufflevector(sum, sum, 0, 1, 2, 3), b = __builtin_shufflevector(sum, sum, 4, 5, 6, 7);
  f4 c = __builtin_shufflevector(sum, sum, 8, 9, 10, 11), d = __builtin_shufflevector(sum, sum, 12, 13, 14, 15);
  return (a + b) + (c + d);
}

VZ_SIMD_INLINE void blend(size_t n, const float *restrict sample, const float *restrict mask, uint8_t *restrict rgb) {
  for (size_t i = 0; i < n; i++) {
    float under = rgb[i];
    float value = under + mask[i] * (sample[i] - under);
    value = value > 0 ? (value < 255 ? value : 255) : 0; /* not a number: 0 */
    rgb[i] = (uint8_t)(int32_t)(value + 0.5f);
  }
}

void ISA(vz_image_paste_row)(size_t n, size_t side, const float *x, double u, double v, double du, double dv,
                             const float *mask, uint8_t *rgb) {
  chunk taps;
  float sample[3 * CHUNK + 1], mask3[3 * CHUNK];
  size_t stride = 4 * (side + 4);
  for (size_t begin = 0; begin < n; begin += CHUNK) {
    size_t count = n - begin < CHUNK ? n - begin : CHUNK;
    place(&taps, count, side, u + (double)begin * du, v + (double)begin * dv, du, dv);
    for (size_t i = 0; i < count; i++) {
      *(f4_loose *)(sample + 3 * i) = gather(x + taps.at[i], stride, taps.across[i], taps.down[i]);
      mask3[3 * i] = mask3[3 * i + 1] = mask3[3 * i + 2] = mask[begin + i];
    }
    blend(3 * count, sample, mask3, rgb + 3 * begin);
  }
}
