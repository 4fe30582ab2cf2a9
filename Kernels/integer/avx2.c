#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>
#include "vz_table.h"
#pragma STDC FP_CONTRACT OFF
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#define NAME(name) name##_avx2
#include "integer_loops.h"

static inline __m256i pair(const int16_t *a) {
  int32_t both;
  memcpy(&both, a, sizeof both);
  return _mm256_set1_epi32(both);
}

__attribute__((always_inline)) static inline void tile(size_t rows, size_t pairs, const int16_t *a, size_t a_row,
                                                       const int16_t *b, int32_t *c, size_t c_row) {
  __m256i low[4], high[4];
  for (size_t r = 0; r < rows; r++) low[r] = high[r] = _mm256_setzero_si256();
  for (size_t p = 0; p < pairs; p++, b += 32) {
    __m256i left = _mm256_load_si256((const __m256i *)b), right = _mm256_load_si256((const __m256i *)(b + 16));
    for (size_t r = 0; r < rows; r++) {
      __m256i factor = pair(a + r * a_row + 2 * p);
      low[r] = _mm256_add_epi32(low[r], _mm256_madd_epi16(factor, left));
      high[r] = _mm256_add_epi32(high[r], _mm256_madd_epi16(factor, right));
    }
  }
  for (size_t r = 0; r < rows; r++) {
    _mm256_storeu_si256((__m256i *)(c + r * c_row), low[r]);
    _mm256_storeu_si256((__m256i *)(c + r * c_row + 8), high[r]);
  }
}

void vz_itile_s16_n16_avx2(size_t rows, size_t pairs, const int16_t *a, size_t a_row, const int16_t *b, int32_t *c,
                           size_t c_row) {
  for (; rows >= 4; rows -= 4, a += 4 * a_row, c += 4 * c_row) tile(4, pairs, a, a_row, b, c, c_row);
  if (rows == 3) tile(3, pairs, a, a_row, b, c, c_row);
  if (rows == 2) tile(2, pairs, a, a_row, b, c, c_row);
  if (rows == 1) tile(1, pairs, a, a_row, b, c, c_row);
}
#pragma clang attribute pop
#endif
