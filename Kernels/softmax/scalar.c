#include "vz_table.h"
#include <math.h>
#pragma STDC FP_CONTRACT OFF

static void softmax(bool logarithm, size_t n, const float *x, ptrdiff_t x_step, float *y, ptrdiff_t y_step) {
  double top = -INFINITY, sum = 0;
  for (size_t k = 0; k < n; k++) top = fmax(top, x[(ptrdiff_t)k * x_step]);
  for (size_t k = 0; k < n; k++) sum += exp(x[(ptrdiff_t)k * x_step] - top);
  for (size_t k = 0; k < n; k++) {
    double z = x[(ptrdiff_t)k * x_step] - top;
    y[(ptrdiff_t)k * y_step] = (float)(logarithm ? z - log(sum) : exp(z) / sum);
  }
}

void vz_softmax_row_f32_scalar(bool logarithm, size_t n, const float *x, float *y) {
  softmax(logarithm, n, x, 1, y, 1);
}

float vz_softmax_weights_f32_scalar(size_t n, float *x) {
  double top = -INFINITY, sum = 0;
  for (size_t k = 0; k < n; k++) top = fmax(top, x[k]);
  for (size_t k = 0; k < n; k++) {
    double weight = exp(x[k] - top);
    x[k] = (float)weight;
    sum += weight;
  }
  return (float)(1 / sum);
}

void vz_softmax_columns_f32_scalar(bool logarithm, size_t length, size_t cols, const float *x, ptrdiff_t x_row,
                                   float *y, ptrdiff_t y_row) {
  for (size_t c = 0; c < cols; c++) softmax(logarithm, length, x + c, x_row, y + c, y_row);
}
