#pragma once
#include "vz_exec.h"
#include <stddef.h>

/* Attention of heads that lie anywhere in memory, scores never stored whole:

     y[b][h][i] = sum over j of softmax_j(scale q[b][h][i] . k[b][h][j] + mask[b][h][i][j]) v[b][h][j]

   Element c of a row is c floats behind its begin; rows, heads and images are as many floats apart as the strides say.
   A stride of 0 shares keys or a mask among heads, images or queries. */
typedef struct vz_attention_operand {
  ptrdiff_t batch, head, row;
} vz_attention_operand;

typedef struct vz_attention {
  size_t batch, heads, queries, keys, width, value_width; /* width: of queries and keys */
  vz_attention_operand q, k, v, y;
  vz_attention_operand mask; /* rows of `keys` elements, one for each query */
  float scale;
} vz_attention;

/* `mask` may be NULL. y overlaps nothing. */
void vz_attention_f32(const vz_exec *exec, const vz_attention *shape, const float *q, const float *k, const float *v,
                      const float *mask, float *y);
size_t vz_attention_scratch_bytes(const vz_kernels *kernels, const vz_attention *shape, unsigned threads);
