#pragma once
#include "vz_activation.h"
#include <stdbool.h>
#include <stddef.h>

/* One tile of an indirect matrix product: a few rows, one panel of columns.

     sum[r][j] = sum over t < taps, i < k of a[t * a_stride + r][a_offset + i] * b[(t * k + i) * NR + j]
     c[r][column + j] = act(sum[r][j] + bias[j] + residual[r][column + j])         r < rows, j < n <= NR

   NR is the width in the name of the kernel. A row may read anything that a pointer reaches: a matrix row, a pixel
   under one tap of a convolution, a row of zeros. */
typedef struct vz_tile {
  size_t taps, k;
  const float *const *a; /* [taps][a_stride], rows used */
  size_t a_stride, a_offset;
  const float *b;     /* [taps][k][NR] */
  ptrdiff_t prefetch; /* bytes from b to data that is wanted next, or 0 */

  /* A long sum may come in parts: all but the first start from `partial`, all but the last end there. */
  float *partial; /* [rows][NR], or NULL if first && last */
  bool first, last;

  size_t column, n;
  const float *bias;            /* [n] or NULL */
  const float *const *residual; /* [rows] row pointers, or NULL */
  bool residual_after;          /* act(sum + bias) + residual instead */
  float low, high;              /* the activation is a clamp to [low, high] if act is NULL */
  const vz_act *act;            /* with slope [n] */
  float *const *c;              /* [rows] row pointers */
} vz_tile;
