#include "vz_table.h"
#include <math.h>
#pragma STDC FP_CONTRACT OFF

void vz_pool_max_f32_scalar(size_t taps, const float *const *tap, size_t step, size_t n, float *y) {
  for (size_t j = 0; j < n; j++) {
    float top = tap[0][j * step];
    for (size_t t = 1; t < taps; t++) {
      float x = tap[t][j * step];
      if (x > top || isnan(x)) top = x;
    }
    y[j] = top;
  }
}

void vz_pool_average_f32_scalar(size_t taps, const float *const *tap, size_t step, size_t n, float divisor, float *y) {
  for (size_t j = 0; j < n; j++) {
    double sum = 0;
    for (size_t t = 0; t < taps; t++) sum += tap[t][j * step];
    y[j] = (float)(sum / divisor);
  }
}
