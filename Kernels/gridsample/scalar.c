#include "gridsample_position.h"
#pragma STDC FP_CONTRACT OFF

/* One axis of a bilinear sample: pixels first and first + 1, both inside, and their weights. A neighbour outside the
   image (padding with zeros) has no weight left. */
typedef struct axis_sample {
  int32_t first;
  float weight[2];
} axis_sample;

static axis_sample sample_axis(float g, size_t size, int padding, bool align_corners) {
  float p = vz_gridsample_pad(vz_gridsample_pixel(g, size, align_corners), size, padding, align_corners);
  float below = floorf(p), above_weight = p - below, below_weight = 1 - above_weight;
  float first = fminf(fmaxf(below, 0), (float)size - 2);
  axis_sample s = {.first = (int32_t)first};
  if (below == first) s.weight[0] = below_weight, s.weight[1] = above_weight;
  if (below == first - 1) s.weight[0] = above_weight;
  if (below == first + 1) s.weight[1] = below_weight;
  return s;
}

void vz_gridsample_points_f32_scalar(size_t n, const float *gx, const float *gy, size_t height, size_t width,
                                     int padding, bool align_corners, ptrdiff_t row, ptrdiff_t column, int32_t *offset,
                                     float *weight, size_t ld) {
  for (size_t i = 0; i < n; i++) {
    axis_sample x = sample_axis(gx[i], width, padding, align_corners);
    axis_sample y = sample_axis(gy[i], height, padding, align_corners);
    offset[i] = (int32_t)(y.first * row + x.first * column);
    for (size_t k = 0; k < 4; k++) weight[k * ld + i] = y.weight[k / 2] * x.weight[k % 2];
  }
}

static float blend(const float *x, ptrdiff_t row, ptrdiff_t column, const float *weight, size_t ld) {
  double top = (double)weight[0] * x[0] + (double)weight[ld] * x[column];
  double bottom = (double)weight[2 * ld] * x[row] + (double)weight[3 * ld] * x[row + column];
  return (float)(top + bottom);
}

void vz_gridsample_planes_f32_scalar(size_t n, size_t channels, const float *x, ptrdiff_t x_channel, ptrdiff_t x_row,
                                     const int32_t *offset, const float *weight, size_t ld, float *y,
                                     ptrdiff_t y_channel) {
  for (size_t c = 0; c < channels; c++)
    for (size_t i = 0; i < n; i++)
      y[(ptrdiff_t)c * y_channel + (ptrdiff_t)i] =
          blend(x + (ptrdiff_t)c * x_channel + offset[i], x_row, 1, weight + i, ld);
}

void vz_gridsample_pixels_f32_scalar(size_t n, size_t channels, const float *x, ptrdiff_t x_row, ptrdiff_t x_column,
                                     const int32_t *offset, const float *weight, size_t ld, float *y,
                                     ptrdiff_t y_pixel) {
  for (size_t i = 0; i < n; i++)
    for (size_t c = 0; c < channels; c++)
      y[(ptrdiff_t)i * y_pixel + (ptrdiff_t)c] = blend(x + offset[i] + c, x_row, x_column, weight + i, ld);
}
