#pragma once
#include <stddef.h>
#include <string.h>

/* Transposes that pack weights: memory is what takes time, so vectors of every processor's own width do. */

enum { VZ_TRANSPOSE_ROWS = 16 }; /* a cache line of each column */

typedef float vz_four __attribute__((vector_size(16)));

static inline vz_four vz_four_load(const float *p) {
  vz_four v;
  memcpy(&v, p, sizeof v);
  return v;
}

/* rows[e][j] = from[j * step + e] * scale[j] for j < columns, e < count; `count` is at most VZ_TRANSPOSE_ROWS. `scale`
   may be NULL. */
static inline void vz_transpose(const float *from, size_t step, size_t columns, size_t count, const float *scale,
                                float *const *rows) {
  size_t whole = count / 4 * 4, j = 0;
  for (; j + 4 <= columns; j += 4) {
    const float *column = from + j * step;
    vz_four factor = {1, 1, 1, 1};
    if (scale) factor = vz_four_load(scale + j);
    for (size_t e = 0; e < whole; e += 4) {
      vz_four a = vz_four_load(column + e), b = vz_four_load(column + step + e);
      vz_four c = vz_four_load(column + 2 * step + e), d = vz_four_load(column + 3 * step + e);
      vz_four ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
      vz_four ba = __builtin_shufflevector(a, b, 2, 6, 3, 7), dc = __builtin_shufflevector(c, d, 2, 6, 3, 7);
      vz_four out[4] = {
          __builtin_shufflevector(ab, cd, 0, 1, 4, 5),
          __builtin_shufflevector(ab, cd, 2, 3, 6, 7),
          __builtin_shufflevector(ba, dc, 0, 1, 4, 5),
          __builtin_shufflevector(ba, dc, 2, 3, 6, 7),
      };
      for (size_t r = 0; r < 4; r++) {
        vz_four scaled = out[r] * factor;
        memcpy(rows[e + r] + j, &scaled, sizeof scaled);
      }
    }
    for (size_t e = whole; e < count; e++) {
      for (size_t r = 0; r < 4; r++) rows[e][j + r] = column[r * step + e] * factor[r];
    }
  }
  for (; j < columns; j++) {
    float factor = scale ? scale[j] : 1;
    for (size_t e = 0; e < count; e++) rows[e][j] = from[j * step + e] * factor;
  }
}
