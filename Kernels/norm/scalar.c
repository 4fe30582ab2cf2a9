#include "vz_table.h"
#pragma STDC FP_CONTRACT OFF

void vz_norm_row_f32_scalar(size_t n, const float *x, float mean, float factor, const float *scale, const float *bias,
                            float *y) {
  for (size_t c = 0; c < n; c++) {
    double z = ((double)x[c] - mean) * factor;
    y[c] = (float)(z * (scale ? scale[c] : 1) + (bias ? bias[c] : 0));
  }
}

void vz_norm_columns_f32_scalar(size_t rows, size_t cols, const float *x, ptrdiff_t x_row, const float *mean,
                                const float *factor, const float *bias, float *y, ptrdiff_t y_row) {
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < cols; c++) {
      double z = (double)x[(ptrdiff_t)r * x_row + (ptrdiff_t)c] - mean[c];
      y[(ptrdiff_t)r * y_row + (ptrdiff_t)c] = (float)(z * factor[c] + bias[c]);
    }
}

void vz_norm_plane_f32_scalar(size_t n, const float *x, float mean, float factor, float bias, float *y) {
  for (size_t k = 0; k < n; k++) y[k] = (float)(((double)x[k] - mean) * factor + bias);
}
