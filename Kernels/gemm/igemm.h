#pragma once
#include "panels.h"
#include "vz_exec.h"
#include "vz_gemm.h"

/* The driver under every product: for each group, rows of A found through pointers, times packed panels.

     c(m)[j] = epilogue(sum over taps t, i < k of a(m, t)[i] * B[group][t][i][j])      m < rows, j < n */
typedef struct vz_igemm vz_igemm;

/* Writes the pointers of `count` rows from `first`: a[t * stride + r], c[r] and residual[r] (if there is one), at the
   first column of the group. `zeros` is a row of k zeros, for what lies outside. */
typedef void (*vz_row_source)(const void *context, size_t group, size_t first, size_t count, size_t stride,
                              const float *zeros, const float **a, float **c, const float **residual);

struct vz_igemm {
  const vz_panels *b;
  size_t rows;
  vz_row_source source;
  const void *context;
  const vz_epilogue *epilogue; /* or NULL; bias and slope run over groups * n */
};

size_t vz_igemm_scratch_bytes(size_t taps, size_t k, unsigned threads);
void vz_igemm_run(const vz_exec *exec, const vz_igemm *job);

typedef void (*vz_tile_kernel)(size_t rows, const vz_tile *tile);

/* The kernel for panels of a width, and the most rows that a level's kernel does at once. */
vz_tile_kernel vz_tile_kernel_of(const vz_kernels *kernels, size_t width);
size_t vz_tile_height(vz_cpu_level level, size_t width);
