#pragma once
#include "vz_gemm.h"

/* Products one after the other, a block of rows at a time, so that what lies between stays in cache:

     x(0) = A,   x(i + 1) = act_i(x(i) B_i + bias_i),   C = x(count)        B_i: [k_i, n_i] packed, k_(i + 1) = n_i

   Worth it where rows are many and matrices small. */
typedef struct vz_gemm_stage {
  size_t n, k;
  const void *packed;
  const float *bias; /* [n] or NULL */
  vz_act act;
} vz_gemm_stage;

/* Columns of A that lie together: [rows, count], ld floats between rows. */
typedef struct vz_gemm_columns {
  const float *from;
  size_t ld, count;
} vz_gemm_columns;

/* A: the `parts` columns side by side, k of the first stage in all; C: [rows, n of the last], ldc. C must not overlap
   A. */
void vz_gemm_chain_f32(const vz_exec *exec, size_t rows, size_t count, const vz_gemm_stage *stages, size_t parts,
                       const vz_gemm_columns *a, float *c, size_t ldc);
size_t vz_gemm_chain_scratch_bytes(size_t count, const vz_gemm_stage *stages, unsigned threads);
