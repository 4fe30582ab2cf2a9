#include "vz_table.h"
#pragma STDC FP_CONTRACT OFF

void vz_resize_row_f32_scalar(size_t n, size_t taps, const int32_t *index, const float *weight, const float *x,
                              float *y) {
  for (size_t j = 0; j < n; j++) {
    double sum = 0;
    for (size_t t = j * taps; t < (j + 1) * taps; t++) sum += (weight ? weight[t] : 1.0) * x[index[t]];
    y[j] = (float)sum;
  }
}

void vz_resize_blend_f32_scalar(size_t n, size_t taps, const float *weight, const float *const *tap, float *y) {
  for (size_t j = 0; j < n; j++) {
    double sum = 0;
    for (size_t t = 0; t < taps; t++) sum += (double)weight[t] * tap[t][j];
    y[j] = (float)sum;
  }
}
