#pragma once
/* Separable resampling of image planes by tables: nearest, linear, cubic, antialiased, in any coordinate convention. */
#include <stddef.h>
#include <stdint.h>
#include "vz_exec.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Output position o of an axis is sum_t weight[o][t] x[index[o][t]].
 *
 *   index:  [out, taps], each in 0 ... in-1      weight: [out, taps]; NULL means 1, for taps == 1 only (nearest) */
typedef struct vz_resize_axis {
  size_t in, out, taps;
  const int32_t *index;
  const float *weight;
} vz_resize_axis;

/* y[n][c][i][j] = sum_t sum_u h.weight[i][t] w.weight[j][u] x[n][c][h.index[i][t]][w.index[j][u]]
 *
 * Strides in elements. Planes (x_column == y_column == 1) and channels last (x_channel == y_channel == 1) are fast.
 * The sum over u is rounded to float before the sum over t, in table order. Needs scratch. */
typedef struct vz_resize_shape {
  size_t batch, channels;
  vz_resize_axis h, w;
  ptrdiff_t x_batch, x_channel, x_row, x_column;
  ptrdiff_t y_batch, y_channel, y_row, y_column;
} vz_resize_shape;

void vz_resize2d_f32(const vz_exec *exec, const vz_resize_shape *shape, const float *x, float *y);
size_t vz_resize2d_scratch_bytes(const vz_resize_shape *shape, size_t threads);

#ifdef __cplusplus
}
#endif
