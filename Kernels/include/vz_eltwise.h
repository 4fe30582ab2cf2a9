#pragma once
/* Running elementwise programs over strided, broadcast arrays, in tiles that stay in the first-level cache. */
#include <stddef.h>
#include "vz_eltwise_program.h"
#include "vz_exec.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Runs a valid program for every index of shape.
 *
 *   inputs[k]:  array whose element (i0, i1, ...) lies at sum_d i_d * input_strides[k * rank + d]
 *   outputs[k]: the same with output_strides; distinct indices must not share an element
 *
 * Strides are in elements of the array's own type; 0 broadcasts, negative walks backwards. An output may be the same
 * array as an input of the same type, pointer and strides; otherwise outputs overlap nothing. */
void vz_eltwise_run(const vz_exec *exec, const vz_eltwise_program *program, size_t rank, const size_t *shape,
                    const void *const *inputs, const ptrdiff_t *input_strides, void *const *outputs,
                    const ptrdiff_t *output_strides);

#ifdef __cplusplus
}
#endif
