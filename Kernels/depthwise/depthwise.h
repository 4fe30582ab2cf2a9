#pragma once
#include "vz_depthwise.h"

/* Taps of one axis: first ..< first + count. */
typedef struct vz_taps {
  size_t first, count;
} vz_taps;

/* Those that lie inside 0 ..< limit, when the first lies at `start`. */
vz_taps vz_taps_inside(ptrdiff_t start, size_t dilation, size_t kernel, size_t limit);

/* What all strips of a convolution have in common: everything but rows, taps, places and residual. */
vz_strip vz_depthwise_strip(const vz_conv_shape *shape, const vz_epilogue *epilogue);

/* One row of output: `row` has its rows of input, from their first pixel, the filter's row for the first of them, and
   the first pixel of output and residual. */
void vz_depthwise_row(const vz_kernels *kernels, const vz_conv_shape *shape, const vz_strip *row);
