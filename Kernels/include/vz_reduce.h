#pragma once
/* Reductions of float arrays over any set of axes, arg-min/max and running sums. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "vz_exec.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { VZ_REDUCE_MAX_RANK = 8 };

/* Sums are accumulated so that the error stays near one rounding of the result, whatever the count. Reducing nothing
 * gives the value in brackets. MIN and MAX give NaN when any element is NaN. */
typedef enum vz_reduce_op {
  VZ_REDUCE_SUM,       /* sum x            [0] */
  VZ_REDUCE_MEAN,      /* sum x / count    [NaN] */
  VZ_REDUCE_MIN,       /* min x            [+inf] */
  VZ_REDUCE_MAX,       /* max x            [-inf] */
  VZ_REDUCE_PROD,      /* prod x           [1] */
  VZ_REDUCE_L1,        /* sum |x|          [0] */
  VZ_REDUCE_L2,        /* sqrt(sum x^2)    [0] */
  VZ_REDUCE_SUMSQUARE, /* sum x^2          [0] */
  VZ_REDUCE_LOGSUM,    /* log(sum x)       [-inf] */
  VZ_REDUCE_LOGSUMEXP, /* log(sum e^x)     [-inf]; shifted by the maximum, never overflows */
  VZ_REDUCE_OP_COUNT,
} vz_reduce_op;

/* y[kept] = op over the axes d whose bit (1u << d) is set in axes
 *
 *   x: shape [rank], strides in elements (0 and negative allowed)
 *   y: the kept axes in their order, contiguous */
void vz_reduce_f32(const vz_exec *exec, vz_reduce_op op, size_t rank, const size_t *shape, uint32_t axes,
                   const float *x, const ptrdiff_t *x_strides, float *y);

/* y[o][i] = the index k of the largest (or smallest) x[o][k][i]; of equals the first, or the last if `last`.
 * A NaN counts as beyond every number, as in NumPy.   x: [outer, length >= 1, inner]   y: [outer, inner] */
void vz_argmax_f32(const vz_exec *exec, bool last, size_t outer, size_t length, size_t inner, const float *x,
                   int64_t *y);
void vz_argmin_f32(const vz_exec *exec, bool last, size_t outer, size_t length, size_t inner, const float *x,
                   int64_t *y);

/* y[o][k][i] = sum of x[o][j][i] over j <= k; `exclusive`: j < k; `reverse`: j >= k (exclusive: j > k).
 * x, y: [outer, length, inner], y may be x */
void vz_cumsum_f32(const vz_exec *exec, bool exclusive, bool reverse, size_t outer, size_t length, size_t inner,
                   const float *x, float *y);

#ifdef __cplusplus
}
#endif
