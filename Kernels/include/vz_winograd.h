#pragma once
#include "vz_activation.h"
#include <stdbool.h>
#include <stddef.h>

/* 3 x 3 convolutions of stride 1 by Winograd's F(4 x 4, 3 x 3): six by six input pixels give four by four output pixels
   with 36 products for every pair of channels instead of 144.

     Y = A' [ (G g G') . (B' d B) ] A          d: 6 x 6 pixels, g: 3 x 3 weights, Y: 4 x 4 pixels

   for the points 0, 1, -1, 1/2, -2 and infinity, whose constants are small: sums in float lose about one digit. */

enum { VZ_WINOGRAD_IN = 6, VZ_WINOGRAD_OUT = 4, VZ_WINOGRAD_TAPS = 36 };

/* One tile of input: v[t * v_step + c] = (B' d[c] B)[t / 6][t % 6] for c < channels, where d[c][i][j] is
   pixels[6 i + j][c]. v may be written up to the next multiple of 16 channels. */
typedef struct vz_winograd_in {
  size_t channels;
  const float *pixels[VZ_WINOGRAD_TAPS];
  float *v;
  size_t v_step;
} vz_winograd_in;

/* One tile of output: y = act(A' m A + bias + residual), `rows` x `cols` pixels of it (the rest is outside the image).
   m[t * m_step + j] is readable up to the next multiple of 16 of n. */
typedef struct vz_winograd_out {
  size_t n, rows, cols;
  const float *m;
  size_t m_step;
  const float *bias;     /* [n] or NULL */
  const float *residual; /* pixel (i, j) at i * residual_row + j * residual_col, or NULL */
  size_t residual_row, residual_col;
  bool residual_after; /* act(sum + bias) + residual instead */
  float low, high;     /* the activation is a clamp to [low, high] if act is NULL */
  const vz_act *act;   /* with slope [n] */
  float *y;
  size_t y_row, y_col;
} vz_winograd_out;

/* The filters of one input channel: u[t * u_step + j] = scale[j] (G g[j] G')[t / 6][t % 6] for j < count, where g[j] is the
   3 x 3 filter at g + j * g_step. `scale` may be NULL. */
typedef struct vz_winograd_weights {
  size_t count;
  const float *g;
  size_t g_step;
  const float *scale;
  float *u;
  size_t u_step;
} vz_winograd_weights;
