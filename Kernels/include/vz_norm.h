#pragma once
/* Normalizations. Moments are gathered in float over short blocks and merged in double; variance is that of the
 * population (divided by the count). Scales and biases may be NULL (1 and 0). y may be x with the same strides. */
#include <stddef.h>
#include "vz_activation.h"
#include "vz_exec.h"

#ifdef __cplusplus
extern "C" {
#endif

/* y[r][c] = (x[r][c] - mean_r) / sqrt(var_r + epsilon) * scale[c] + bias[c]
 *
 *   x: [rows, cols], row r at r x_stride      scale, bias: [cols] or NULL
 *   y: [rows, cols], row r at r y_stride      mean, inverse_std: [rows] or NULL, the statistics */
void vz_layernorm_f32(const vz_exec *exec, size_t rows, size_t cols, float epsilon, const float *x, ptrdiff_t x_stride,
                      const float *scale, const float *bias, float *y, ptrdiff_t y_stride, float *mean,
                      float *inverse_std);

/* y[r][c] = x[r][c] / sqrt(mean_c(x[r][c]^2) + epsilon) * scale[c]; shapes as above */
void vz_rmsnorm_f32(const vz_exec *exec, size_t rows, size_t cols, float epsilon, const float *x, ptrdiff_t x_stride,
                    const float *scale, float *y, ptrdiff_t y_stride);

/* y[n][c][s] = (x[n][c][s] - mean[n][g]) / sqrt(var[n][g] + epsilon) * scale[c] + bias[c],  g = c / (channels/groups)
 *
 *   x, y: [batch, channels, spatial] contiguous; groups divides channels; scale, bias: [channels] or NULL
 *
 * `act`, of any kind but PRELU, is applied to y at last, or is NULL. Instance normalization is groups == channels. */
void vz_groupnorm_nchw_f32(const vz_exec *exec, size_t batch, size_t groups, size_t channels, size_t spatial,
                           float epsilon, const float *x, const float *scale, const float *bias, const vz_act *act,
                           float *y);

/* The same with channels last.   x: [batch, spatial, x_ld >= channels]   y: [batch, spatial, y_ld >= channels]
 * Needs scratch. */
void vz_groupnorm_nhwc_f32(const vz_exec *exec, size_t batch, size_t groups, size_t channels, size_t spatial,
                           float epsilon, const float *x, ptrdiff_t x_ld, const float *scale, const float *bias,
                           const vz_act *act, float *y, ptrdiff_t y_ld);
size_t vz_groupnorm_nhwc_scratch_bytes(size_t batch, size_t channels, size_t spatial, size_t threads);

#ifdef __cplusplus
}
#endif
