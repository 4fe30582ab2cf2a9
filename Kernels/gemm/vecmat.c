#include "vz_gemm.h"

typedef struct job {
  const vz_kernels *kernels;
  size_t k, ldb;
  const float *a, *b;
  float *c;
} job;

static void columns(void *context, size_t begin, size_t end, unsigned worker) {
  (void)worker;
  const job *j = context;
  j->kernels->vecmat_f32(end - begin, j->k, j->a, j->b + begin, j->ldb, j->c + begin);
}

void vz_vecmat_f32(const vz_exec *exec, size_t n, size_t k, const float *a, const float *b, size_t ldb, float *c) {
  job j = {exec->kernels, k, ldb, a, b, c};
  /* About 20 microseconds of reading for each task, in whole blocks of columns. */
  size_t grain = 100000 / (k + 1) / 64 * 64 + 64;
  vz_pool_run(exec->pool, n, grain, columns, &j);
}
