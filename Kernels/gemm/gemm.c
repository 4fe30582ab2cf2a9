#include "vz_gemm.h"
#include "igemm.h"
#include "transpose.h"
#include <assert.h>
#include <string.h>

typedef struct matrices {
  const float *a, *residual;
  float *c;
  size_t lda, ldc, residual_ld;
} matrices;

static void rows_of(const void *context, size_t group, size_t first, size_t count, size_t stride, const float *zeros,
                    const float **a, float **c, const float **residual) {
  (void)group, (void)stride, (void)zeros;
  const matrices *m = context;
  for (size_t r = 0; r < count; r++) {
    a[r] = m->a + (first + r) * m->lda;
    c[r] = m->c + (first + r) * m->ldc;
  }
  for (size_t r = 0; residual && r < count; r++) residual[r] = m->residual + (first + r) * m->residual_ld;
}

void vz_gemm_f32(const vz_exec *exec, size_t m, size_t n, size_t k, const float *a, size_t lda, const void *packed,
                 const vz_epilogue *epilogue, float *c, size_t ldc) {
  assert(vz_panels_fit(packed, 1, 1, k, n));
  matrices context = {.a = a, .c = c, .lda = lda, .ldc = ldc};
  if (epilogue) context.residual = epilogue->residual, context.residual_ld = epilogue->residual_ld;
  vz_igemm job = {.b = packed, .rows = m, .source = rows_of, .context = &context, .epilogue = epilogue};
  vz_igemm_run(exec, &job);
}

size_t vz_gemm_scratch_bytes(size_t m, size_t n, size_t k, unsigned threads) {
  (void)m, (void)n;
  return vz_igemm_scratch_bytes(1, k, threads);
}

size_t vz_gemm_pack_b_bytes(const vz_kernels *kernels, size_t k, size_t n) {
  vz_panels layout = vz_panels_layout(kernels->level, 1, 1, k, n);
  return vz_panels_bytes(&layout);
}

/* Columns that lie side by side in b are copied; rows that do are transposed; others are gathered. */
static void pack_panel(size_t k, size_t n, size_t width, const float *b, size_t row_stride, size_t col_stride,
                       float *to) {
  for (size_t i = 0; i < k; i += VZ_TRANSPOSE_ROWS) {
    size_t count = k - i < VZ_TRANSPOSE_ROWS ? k - i : VZ_TRANSPOSE_ROWS;
    float *rows[VZ_TRANSPOSE_ROWS];
    for (size_t r = 0; r < count; r++) rows[r] = to + (i + r) * width;
    if (col_stride != 1 && row_stride == 1) vz_transpose(b + i, col_stride, n, count, NULL, rows);
    for (size_t r = 0; r < count; r++) {
      const float *from = b + (i + r) * row_stride;
      if (col_stride == 1) {
        memcpy(rows[r], from, n * sizeof *b);
      } else if (row_stride != 1) {
        for (size_t j = 0; j < n; j++) rows[r][j] = from[j * col_stride];
      }
      if (n < width) memset(rows[r] + n, 0, (width - n) * sizeof *b);
    }
  }
}

void vz_gemm_pack_b_f32(const vz_kernels *kernels, size_t k, size_t n, const float *b, size_t row_stride,
                        size_t col_stride, void *packed) {
  vz_panels *p = packed;
  *p = vz_panels_layout(kernels->level, 1, 1, k, n);
  for (size_t panel = 0; panel < vz_panels_count(p); panel++) {
    size_t first = panel * p->width, used = n - first < p->width ? n - first : p->width;
    pack_panel(k, used, vz_panels_width(p, panel), b + first * col_stride, row_stride, col_stride,
               (float *)vz_panels_at(p, 0, panel));
  }
}

bool vz_gemm_pack_b_fits(const vz_kernels *kernels, size_t k, size_t n, const void *packed) {
  vz_panels layout = vz_panels_layout(kernels->level, 1, 1, k, n);
  return memcmp(packed, &layout, sizeof layout) == 0;
}

void vz_gemm_scale_b_f32(void *packed, float factor) {
  vz_panels *p = packed;
  float *values = (float *)(p + 1);
  size_t count = vz_panels_group(p);
  for (size_t i = 0; i < count && factor != 1; i++) values[i] *= factor;
}
