#pragma once
#include "vz_activation.h"
#include "vz_exec.h"
#include <stdbool.h>
#include <stddef.h>

/* What happens to each sum before it is stored:

     y = act(sum + bias[n] + residual[m][n])                  or, if residual_after,
     y = act(sum + bias[n]) + residual[m][n]

   `residual` may be the output itself: each element is read once, before it is written. */
typedef struct vz_epilogue {
  const float *bias;     /* [N] or NULL */
  const float *residual; /* [M, N] or NULL */
  size_t residual_ld;    /* floats between rows (pixels) of residual */
  size_t residual_row;   /* convolutions: floats between image rows; 0 means residual_ld * out_w */
  size_t residual_batch; /* convolutions: floats between images; 0 means residual_row * out_h */
  bool residual_after;
  vz_act act;
} vz_epilogue;

/* C = epilogue(A B)   A: [M, K], lda floats between rows; B: packed; C: [M, N], ldc floats between rows

   B is packed once for one CPU level (`packed` records how; any level can run it, not every level fast) and is 64-byte
   aligned. K = 0 gives epilogue(0). `epilogue` NULL stores the product. C must not overlap A. For M = 1 this is the
   vector-matrix product. */
void vz_gemm_f32(const vz_exec *exec, size_t m, size_t n, size_t k, const float *a, size_t lda, const void *packed,
                 const vz_epilogue *epilogue, float *c, size_t ldc);

size_t vz_gemm_scratch_bytes(size_t m, size_t n, size_t k, unsigned threads);

/* Bytes of a packed B. */
size_t vz_gemm_pack_b_bytes(const vz_kernels *kernels, size_t k, size_t n);

/* Packs B[i][j] = b[i * row_stride + j * col_stride]   b: [K, N] (col_stride 1) or its transpose (row_stride 1)

   Fast enough to run per product when B is not constant. */
void vz_gemm_pack_b_f32(const vz_kernels *kernels, size_t k, size_t n, const float *b, size_t row_stride,
                        size_t col_stride, void *packed);

/* Whether `packed`, which has vz_gemm_pack_b_bytes, is laid out as vz_gemm_pack_b_f32 does it: for bytes from a file. */
bool vz_gemm_pack_b_fits(const vz_kernels *kernels, size_t k, size_t n, const void *packed);

/* Multiplies every element of a packed B. */
void vz_gemm_scale_b_f32(void *packed, float factor);

/* c[j] = sum over l < k of a[l] * b[l * ldb + j]: a row times a matrix in row order, unpacked.
   a: [k], b: [k, n] with ldb floats between rows, c: [n]; c overlaps neither. Needs no scratch memory. */
void vz_vecmat_f32(const vz_exec *exec, size_t n, size_t k, const float *a, const float *b, size_t ldb, float *c);

