#pragma once
/* Strided copies and fills: Transpose, Slice, Concat, Expand, Pad, Gather of whole rows, layout changes. */
#include <stddef.h>
#include "vz_exec.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { VZ_COPY_MAX_RANK = 8 };

/* dst[i0, i1, ...] = src[i0, i1, ...]   for every index of shape: [rank]
 *
 * element_bytes is 1, 2, 4, 8 or 16; strides are in elements, for each side; a source stride of 0 repeats, negative
 * strides walk backwards. dst elements are distinct and do not overlap src. */
void vz_copy_strided(const vz_exec *exec, size_t element_bytes, size_t rank, const size_t *shape, const void *src,
                     const ptrdiff_t *src_strides, void *dst, const ptrdiff_t *dst_strides);

/* dst[i0, i1, ...] = *value   for every index of shape: [rank] */
void vz_fill_strided(const vz_exec *exec, size_t element_bytes, size_t rank, const size_t *shape, const void *value,
                     void *dst, const ptrdiff_t *dst_strides);

#ifdef __cplusplus
}
#endif
