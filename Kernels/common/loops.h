#pragma once
/* Loop nests over several strided arrays at once, reduced to as few and as long loops as the strides allow. */
#include <stdbool.h>
#include <stddef.h>

enum { VZ_LOOPS_MAX_RANK = 8, VZ_LOOPS_MAX_ARRAYS = 20 };

typedef struct vz_loops {
  size_t rank, arrays;
  size_t shape[VZ_LOOPS_MAX_RANK];
  ptrdiff_t strides[VZ_LOOPS_MAX_ARRAYS][VZ_LOOPS_MAX_RANK];
} vz_loops;

static inline size_t vz_loops_count(const vz_loops *loops) {
  size_t count = 1;
  for (size_t d = 0; d < loops->rank; d++) count *= loops->shape[d];
  return count;
}

static inline void vz_loops_append(vz_loops *loops, size_t size) { loops->shape[loops->rank++] = size; }

static inline size_t vz_loops_magnitude(ptrdiff_t stride) { return (size_t)(stride < 0 ? -stride : stride); }

/* Exchanges two dimensions. */
static inline void vz_loops_swap(vz_loops *loops, size_t p, size_t q) {
  size_t size = loops->shape[p];
  loops->shape[p] = loops->shape[q];
  loops->shape[q] = size;
  for (size_t k = 0; k < loops->arrays; k++) {
    ptrdiff_t stride = loops->strides[k][p];
    loops->strides[k][p] = loops->strides[k][q];
    loops->strides[k][q] = stride;
  }
}

/* Drops dimensions of size 1, orders the others so that array `key` walks its memory forwards (largest stride first),
   and merges neighbours that all arrays can walk as one. The order of visits changes; the set does not. */
static inline void vz_loops_simplify(vz_loops *loops, size_t key) {
  size_t rank = 0;
  for (size_t d = 0; d < loops->rank; d++) {
    if (loops->shape[d] == 1) continue;
    loops->shape[rank] = loops->shape[d];
    for (size_t k = 0; k < loops->arrays; k++) loops->strides[k][rank] = loops->strides[k][d];
    rank++;
  }
  loops->rank = rank;
  for (size_t d = 1; d < rank; d++)
    for (size_t p = d;
         p > 0 && vz_loops_magnitude(loops->strides[key][p - 1]) < vz_loops_magnitude(loops->strides[key][p]); p--)
      vz_loops_swap(loops, p, p - 1);
  size_t last = 0;
  for (size_t d = 1; d < rank; d++) {
    bool mergeable = true;
    for (size_t k = 0; k < loops->arrays; k++)
      mergeable &= loops->strides[k][last] == (ptrdiff_t)loops->shape[d] * loops->strides[k][d];
    size_t size = loops->shape[d];
    if (mergeable) size *= loops->shape[last];
    if (!mergeable) last++;
    loops->shape[last] = size;
    for (size_t k = 0; k < loops->arrays; k++) loops->strides[k][last] = loops->strides[k][d];
  }
  loops->rank = rank ? last + 1 : 0;
}

/* Writes each array's offset of the visit numbered `index` of the outermost `rank` dimensions. */
static inline void vz_loops_offsets(const vz_loops *loops, size_t rank, size_t index, ptrdiff_t *offsets) {
  for (size_t k = 0; k < loops->arrays; k++) offsets[k] = 0;
  for (size_t d = rank; d-- > 0;) {
    size_t at = index % loops->shape[d];
    index /= loops->shape[d];
    for (size_t k = 0; k < loops->arrays; k++) offsets[k] += (ptrdiff_t)at * loops->strides[k][d];
  }
}
