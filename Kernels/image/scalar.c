#include "vz_table.h"
#include <math.h>

#pragma STDC FP_CONTRACT OFF

void vz_image_add_u8_scalar(size_t n, float w, const uint8_t *x, float *y) {
  for (size_t i = 0; i < n; i++) y[i] += w * x[i];
}

void vz_image_blend_f32_scalar(size_t n, size_t taps, const float *w, const float *const *x, float *y) {
  for (size_t i = 0; i < n; i++) {
    double sum = 0;
    for (size_t t = 0; t < taps; t++) sum += (double)w[t] * x[t][i];
    y[i] = (float)sum;
  }
}

void vz_image_window_rgb8_scalar(size_t rows, size_t cols, const uint8_t *x, size_t stride, const float *wy,
                                 const float *wx, float y[3]) {
  for (size_t c = 0; c < 3; c++) {
    double sum = 0;
    for (size_t r = 0; r < rows; r++)
      for (size_t j = 0; j < cols; j++) sum += (double)wy[r] * wx[3 * j + c] * x[r * stride + 3 * j + c];
    y[c] = (float)sum;
  }
}

void vz_image_pack_f32_scalar(size_t n, const float *r, const float *g, const float *b, float *y) {
  for (size_t i = 0; i < n; i++) {
    y[4 * i] = 255 * r[i];
    y[4 * i + 1] = 255 * g[i];
    y[4 * i + 2] = 255 * b[i];
    y[4 * i + 3] = 0;
  }
}

/* The Keys kernel with a = -0.75 at distance x. */
static double keys(double x) {
  const double a = -0.75;
  x = fabs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

void vz_image_paste_row_scalar(size_t n, size_t side, const float *x, double u, double v, double du, double dv,
                               const float *mask, uint8_t *rgb) {
  size_t stride = 4 * (side + 4);
  for (size_t i = 0; i < n; i++) {
    double across = u + (double)i * du, down = v + (double)i * dv;
    double left = fmin(fmax(floor(across), -1), (double)side - 1), top = fmin(fmax(floor(down), -1), (double)side - 1);
    for (size_t c = 0; c < 3; c++) {
      double sample = 0;
      for (int r = -1; r <= 2; r++)
        for (int k = -1; k <= 2; k++)
          sample += keys(down - top - r) * keys(across - left - k) *
                    x[(size_t)(top + 2 + r) * stride + 4 * (size_t)(left + 2 + k) + c];
      double blend = rgb[3 * i + c] + mask[i] * (sample - rgb[3 * i + c]);
      rgb[3 * i + c] = (uint8_t)(fmin(fmax(blend, 0), 255) + 0.5);
    }
  }
}
