#pragma once
#include "vz_activation.h"
#include <stdbool.h>
#include <stddef.h>

/* A run of pixels of one row of a depthwise convolution; the taps that fall outside the image are left out by the
   caller.

     sum[p][c] = sum over t < rows, s < cols of
         x[t][x_first + s * x_col + p * x_step + c] * w[t * w_row + s * w_col + c]
     y[p * y_step + c] = act(sum[p][c] + bias[c] + residual[p * residual_step + c])        p < pixels, c < channels */
typedef struct vz_strip {
  size_t channels, pixels, rows, cols;
  const float *const *x; /* [rows] the rows of pixels, which may lie anywhere */
  size_t x_first, x_col, x_step;
  const float *w;
  size_t w_row, w_col;
  const float *bias;     /* [channels] or NULL */
  const float *residual; /* or NULL; may be y */
  size_t residual_step;
  bool residual_after; /* act(sum + bias) + residual instead */
  float low, high;     /* the activation is a clamp to [low, high] if act is NULL */
  const vz_act *act;
  float *y;
  size_t y_step;
} vz_strip;
