#pragma once
/* Spatial pooling of float images, 3-D with depth 1 for images and height 1 as well for sequences. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "vz_exec.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Axes are (depth, height, width). Output index o looks at input indices o stride - pad_before + k dilation, k <
 * kernel. Rounding modes are the caller's: `out` is given. Strides of the arrays are in elements. */
typedef struct vz_pooling {
  size_t batch, channels;
  size_t in[3], out[3], kernel[3], stride[3], dilation[3];
  size_t pad_before[3], pad_after[3];
  ptrdiff_t x_batch, x_channel, x_axis[3];
  ptrdiff_t y_batch, y_channel, y_axis[3];
  bool count_include_pad; /* average: divide by the part of the window inside the padded input, not inside the input */
} vz_pooling;

/* y = max over the window's elements inside the input; NaN if any is; -inf if there are none.
 * index, when not NULL: [batch, channels, out] contiguous, n channels*D*H*W + c D*H*W + (d H + h) W + w of the maximum,
 * the first of equals in window order. `column_major` swaps the roles of h and w in it (the storage_order attribute).
 */
void vz_max_pool_f32(const vz_exec *exec, const vz_pooling *shape, const float *x, float *y, int64_t *index,
                     bool column_major);

/* y = sum over the window's elements inside the input / their count (see count_include_pad); 0 if there are none */
void vz_average_pool_f32(const vz_exec *exec, const vz_pooling *shape, const float *x, float *y);

/* y = (sum over the window's elements of |x|^p)^(1/p), p >= 1 */
void vz_lp_pool_f32(const vz_exec *exec, const vz_pooling *shape, float p, const float *x, float *y);

#ifdef __cplusplus
}
#endif
