#pragma once
/* Softmax and log-softmax along one axis. */
#include <stddef.h>
#include "vz_exec.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum vz_softmax_kind {
  VZ_SOFTMAX,     /* y = e^(x - max) / sum e^(x - max) */
  VZ_LOG_SOFTMAX, /* y = x - max - log(sum e^(x - max)) */
} vz_softmax_kind;

/* max and sum run over the middle axis k of x[o][k][i].
 *
 *   x: [outer, length, inner], element (o, k, i) at o x_outer + k x_axis + i
 *   y: the same with y_outer, y_axis; y may be x with the same strides
 *
 * A row that holds NaN, or only -inf, becomes NaN; entries of -inf become 0 (softmax) or -inf (log-softmax). */
void vz_softmax_f32(const vz_exec *exec, vz_softmax_kind kind, size_t outer, size_t length, size_t inner,
                    const float *x, ptrdiff_t x_outer, ptrdiff_t x_axis, float *y, ptrdiff_t y_outer, ptrdiff_t y_axis);

#ifdef __cplusplus
}
#endif
