#include "vz_table.h"

#pragma STDC FP_CONTRACT OFF

void vz_polyphase_f32_scalar(size_t n, size_t taps, size_t phases, size_t first, size_t step, const float *bank,
                             const float *x, float *y) {
  for (size_t i = 0; i < n; i++) {
    size_t at = first + i * step;
    double sum = 0;
    for (size_t t = 0; t < taps; t++) sum += (double)bank[at % phases * taps + t] * x[at / phases + t];
    y[i] = (float)sum;
  }
}
