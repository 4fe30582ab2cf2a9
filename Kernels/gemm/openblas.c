#define _GNU_SOURCE
#include "vz_openblas.h"
#include "vz_table.h"
#include <dlfcn.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

enum { ROW_MAJOR = 101, AS_IS = 111, TRANSPOSED = 112 }; /* of the CBLAS interface */

typedef void (*cblas_sgemm)(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha,
                            const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc);

static pthread_once_t once = PTHREAD_ONCE_INIT;
static cblas_sgemm sgemm;
static const char *warning;

static int as_int(size_t x) { return x > INT_MAX ? -1 : (int)x; }

/* False if the strides are not those of a matrix in row or column order. */
static bool order_of(size_t rows, size_t cols, size_t row_stride, size_t col_stride, int *transpose, int *ld) {
  bool by_rows = (col_stride == 1 || cols == 1) && (row_stride >= cols || rows == 1);
  *transpose = by_rows ? AS_IS : TRANSPOSED;
  size_t inner = by_rows ? cols : rows, stride = by_rows ? row_stride : col_stride;
  *ld = as_int(stride > inner ? stride : inner);
  if (by_rows) return *ld > 0;
  return (row_stride == 1 || rows == 1) && (col_stride >= rows || cols == 1) && *ld > 0;
}

static bool multiply(size_t m, size_t n, size_t k, const float *a, size_t a_row, size_t a_col, const float *b,
                     size_t b_row, size_t b_col, float *c, size_t ldc) {
  int transpose_a, transpose_b, lda, ldb;
  if (m == 0 || n == 0 || k == 0) return false;
  if (as_int(m) < 0 || as_int(n) < 0 || as_int(k) < 0 || as_int(ldc) < 0) return false;
  if (!order_of(m, k, a_row, a_col, &transpose_a, &lda) || !order_of(k, n, b_row, b_col, &transpose_b, &ldb)) {
    return false;
  }
  sgemm(ROW_MAJOR, transpose_a, transpose_b, (int)m, (int)n, (int)k, 1, a, lda, b, ldb, 0, c,
        (int)(m > 1 || ldc >= n ? ldc : n));
  return true;
}

/* Old builds know no recent processor and can be wrong on one. */
static bool is_right(void) {
  enum { M = 37, N = 53, K = 67 };
  static float a[M * K], b[K * N], c[M * N], want[M * N];
  for (size_t i = 0; i < M * K; i++) a[i] = (float)(i * 7 % 31) / 31 - 0.5f;
  for (size_t i = 0; i < K * N; i++) b[i] = (float)(i * 11 % 29) / 29 - 0.5f;
  for (int order = 0; order < 4; order++) {
    size_t a_row = order & 1 ? 1 : K, a_col = order & 1 ? M : 1, b_row = order & 2 ? 1 : N, b_col = order & 2 ? K : 1;
    for (size_t i = 0; i < M * N; i++) c[i] = NAN;
    vz_product_f32_scalar(M, N, K, a, a_row, a_col, b, b_row, b_col, want, N);
    if (!multiply(M, N, K, a, a_row, a_col, b, b_row, b_col, c, N)) return false;
    for (size_t i = 0; i < M * N; i++) {
      if (!(fabsf(c[i] - want[i]) <= 1e-4f)) return false;
    }
  }
  return true;
}

static void load(void) {
  setenv("OPENBLAS_NUM_THREADS", "1", 1); /* read while loading: otherwise it starts a thread per core */
  void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    warning = "OpenBLAS is not installed";
    return;
  }
  void (*set_threads)(int);
  *(void **)&set_threads = dlsym(library, "openblas_set_num_threads");
  *(void **)&sgemm = dlsym(library, "cblas_sgemm");
  if (set_threads) set_threads(1);
  if (!sgemm || !set_threads) {
    warning = "this OpenBLAS lacks cblas_sgemm or openblas_set_num_threads; not used";
  } else if (!is_right()) {
    warning = "this OpenBLAS multiplies wrongly on this processor; not used";
  }
}

bool vz_openblas_present(void) {
  pthread_once(&once, load);
  return !warning;
}

const char *vz_openblas_warning(void) {
  pthread_once(&once, load);
  return warning;
}

void vz_product_f32_openblas(size_t m, size_t n, size_t k, const float *a, size_t a_row, size_t a_col, const float *b,
                             size_t b_row, size_t b_col, float *c, size_t ldc) {
  if (vz_openblas_present() && multiply(m, n, k, a, a_row, a_col, b, b_row, b_col, c, ldc)) return;
  vz_product_f32_scalar(m, n, k, a, a_row, a_col, b, b_row, b_col, c, ldc);
}
