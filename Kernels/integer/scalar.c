#pragma STDC FP_CONTRACT OFF
#define NAME(name) name##_scalar
#include "integer_loops.h"

void vz_itile_s16_n16_scalar(size_t rows, size_t pairs, const int16_t *a, size_t a_row, const int16_t *b, int32_t *c,
                             size_t c_row) {
  for (size_t r = 0; r < rows; r++) {
    uint32_t sum[16] = {0};
    for (size_t p = 0; p < pairs; p++) {
      int32_t first = a[r * a_row + 2 * p], second = a[r * a_row + 2 * p + 1];
      for (size_t j = 0; j < 16; j++)
        sum[j] += (uint32_t)(first * b[(p * 16 + j) * 2] + second * b[(p * 16 + j) * 2 + 1]);
    }
    for (size_t j = 0; j < 16; j++) c[r * c_row + j] = (int32_t)sum[j];
  }
}
