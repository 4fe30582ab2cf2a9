#include "check_driver.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>

/* |error| of a float sum of `terms` products of values in -1 ... 1: half an ulp of the largest partial sum, each. */
static double sum_error(size_t terms) { return 1e-7 * (double)terms + 2e-6; }

vz_epilogue check_epilogue(check_env *env, size_t n) {
  vz_epilogue e = {0};
  if (check_random(env) % 3) e.bias = check_f32(env, n);
  if (check_random(env) % 2) {
    e.act = (vz_act){(vz_activation)check_range(env, 0, VZ_ACT_HARDSWISH), -0.25f, 0.75f, NULL};
  } else {
    e.act.kind = check_random(env) % 2 ? VZ_ACT_RELU : VZ_ACT_NONE;
  }
  e.act.slope = e.act.kind == VZ_ACT_PRELU ? check_f32(env, n) : NULL;
  return e;
}

CHECK_DRIVER(gemm_chain) {
  size_t rows = check_size(env, 200), count = check_range(env, 1, 4), widths[5];
  for (size_t i = 0; i <= count; i++) widths[i] = check_size(env, 80);
  size_t left = check_range(env, 0, widths[0] - 1), ldc = widths[count] + check_range(env, 0, 2);
  check_note(env, "rows=%zu count=%zu %zu (%zu apart) to %zu", rows, count, widths[0], left, widths[count]);
  vz_gemm_columns a[2] = {{NULL, 0, left}, {NULL, 0, widths[0] - left}};
  for (size_t i = 0; i < 2; i++) {
    a[i].ld = a[i].count + check_range(env, 0, 2);
    a[i].from = check_f32(env, (rows - 1) * a[i].ld + a[i].count);
  }
  float *c = check_f32_raw(env, (rows - 1) * ldc + widths[count]);
  vz_gemm_stage stages[4];
  float *b[4];
  for (size_t i = 0; i < count; i++) {
    size_t k = widths[i], n = widths[i + 1];
    b[i] = check_f32(env, k * n);
    void *packed = check_aligned(env, vz_gemm_pack_b_bytes(env->kernels, k, n));
    vz_gemm_pack_b_f32(env->kernels, k, n, b[i], n, 1, packed);
    vz_gemm_scale_b_f32(packed, 0.125f);
    stages[i] = (vz_gemm_stage){.n = n, .k = k, .packed = packed, .bias = i % 2 ? NULL : check_f32(env, n)};
    stages[i].act.kind = i + 1 < count ? VZ_ACT_RELU : VZ_ACT_NONE;
  }
  vz_exec exec = check_exec(env, vz_gemm_chain_scratch_bytes(count, stages, 3));
  vz_gemm_chain_f32(&exec, rows, count, stages, left ? 2 : 1, left ? a : a + 1, c, ldc);
  for (size_t r = 0; r < rows; r++) {
    double x[80], y[80];
    for (size_t l = 0; l < widths[0]; l++) x[l] = (double)(l < left ? a[0].from[r * a[0].ld + l] : a[1].from[r * a[1].ld + l - left]);
    for (size_t i = 0; i < count; i++) {
      for (size_t j = 0; j < widths[i + 1]; j++) {
        double sum = 0;
        for (size_t l = 0; l < widths[i]; l++) sum += x[l] * (double)b[i][l * widths[i + 1] + j];
        y[j] = sum / 8 + (stages[i].bias ? (double)stages[i].bias[j] : 0);
        if (i + 1 < count && y[j] < 0) y[j] = 0;
      }
      memcpy(x, y, sizeof x);
    }
    check_near_f64(env, widths[count], c + r * ldc, x, 1e-4, 1e-4);
  }
}

/* -- tiles --------------------------------------------------------------------------------------------------------- */

static void check_tile(check_env *env, size_t width, void (*kernel)(size_t, const vz_tile *),
                       void (*reference)(size_t, const vz_tile *)) {
  vz_tile t = {.taps = check_range(env, 0, 4), .a_offset = check_range(env, 0, 2), .column = check_range(env, 0, 3)};
  static const size_t heights[] = {12, 6, 12, 8, 6}, heights_neon[] = {8, 6, 8, 8, 8};
  size_t which = width == 8 ? 0 : width == 16 ? 1 : width == 32 ? 2 : width == 48 ? 3 : 4;
  size_t highest = env->level >= VZ_CPU_NEON ? heights_neon[which] : heights[which];
  if (width == 16 && (env->level == VZ_CPU_AVX512 || env->level == VZ_CPU_AVX512VNNI)) highest = 12;
  size_t rows = check_range(env, 1, highest), stride = rows + check_range(env, 0, 2);
  t.k = check_size(env, 70);
  t.n = env->round % 2 ? width : check_range(env, 1, width);
  t.a_stride = stride;
  t.first = check_random(env) % 3 != 0;
  t.last = check_random(env) % 3 != 0;
  vz_epilogue e = check_epilogue(env, t.n);
  t.bias = e.bias;
  t.low = -INFINITY, t.high = INFINITY;
  if (e.act.kind == VZ_ACT_RELU) t.low = 0;
  if (e.act.kind == VZ_ACT_CLIP) t.low = -0.25f, t.high = 0.75f;
  if (e.act.kind > VZ_ACT_CLIP) t.act = &e.act;
  t.residual_after = check_random(env) % 4 == 0;
  check_note(env, "width=%zu rows=%zu taps=%zu k=%zu n=%zu act=%d first=%d last=%d after=%d", width, rows, t.taps, t.k,
             t.n, e.act.kind, t.first, t.last, t.residual_after);

  const float *a[4 * 16];
  for (size_t i = 0; i < t.taps * stride; i++) a[i] = check_f32(env, t.a_offset + t.k);
  t.a = a;
  float *b = check_f32(env, t.taps * t.k * width);
  t.b = b;
  const float *residual[16];
  float *got[16], *want[16];
  bool has_residual = check_random(env) % 2;
  for (size_t r = 0; r < rows; r++) {
    residual[r] = check_f32(env, t.column + t.n);
    got[r] = check_f32(env, t.column + t.n);
    want[r] = check_copy(env, (t.column + t.n) * sizeof(float), got[r]);
  }
  t.residual = has_residual ? residual : NULL;
  float *partial = check_f32(env, rows * width), *partial_want = check_copy(env, rows * width * 4, partial);
  double tolerance = sum_error(t.taps * t.k);

  t.partial = partial, t.c = got;
  kernel(rows, &t);
  t.partial = partial_want, t.c = want;
  reference(rows, &t);
  for (size_t r = 0; r < rows; r++) {
    check_near(env, t.column + t.n, got[r], want[r], tolerance, 2e-6);
    if (!t.last) check_near(env, t.n, partial + r * width, partial_want + r * width, tolerance, 2e-6);
  }
}

#define CHECK_TILE(width)                                                                                              \
  CHECK_KERNEL(tile_f32_n##width) {                                                                                    \
    for (int i = 0; i < 10; i++)                                                                                       \
      check_tile(env, width, env->kernels->tile_f32_n##width, env->reference->tile_f32_n##width);                      \
  }
CHECK_TILE(8)
CHECK_TILE(16)
CHECK_TILE(32)
CHECK_TILE(48)
CHECK_TILE(64)

/* -- products ------------------------------------------------------------------------------------------------------ */

static void expect_gemm(check_env *env, size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b,
                        const vz_epilogue *e, const float *c, size_t ldc) {
  for (size_t i = 0; i < m; i++) {
    for (size_t j = 0; j < n; j++) {
      double sum = e->bias ? e->bias[j] : 0;
      for (size_t l = 0; l < k; l++) sum += (double)a[i * lda + l] * (double)b[l * n + j];
      double residual = e->residual ? e->residual[i * e->residual_ld + j] : 0;
      vz_act act = e->act;
      if (act.slope) act.slope += j;
      float y = (float)(e->residual_after ? sum : sum + residual);
      env->reference->activate_f32(1, 1, &act, &y, 1);
      double want = e->residual_after ? y + residual : y;
      check_near_f64(env, 1, &c[i * ldc + j], &want, sum_error(k), 2e-6);
    }
  }
}

static void check_gemm_shape(check_env *env, size_t m, size_t n, size_t k) {
  size_t lda = k + check_range(env, 0, 3), ldc = n + check_range(env, 0, 3);
  bool transposed = check_random(env) % 2;
  vz_epilogue e = check_epilogue(env, n);
  e.residual_ld = n + check_range(env, 0, 3);
  if (check_random(env) % 2) e.residual = check_f32(env, (m - 1) * e.residual_ld + n);
  e.residual_after = check_random(env) % 4 == 0;
  unsigned threads = (unsigned)check_range(env, 1, 3);
  check_note(env, "m=%zu n=%zu k=%zu lda=%zu ldc=%zu transposed=%d act=%d residual=%d threads=%u", m, n, k, lda, ldc,
             transposed, e.act.kind, e.residual != NULL, threads);

  float *a = check_f32(env, (m - 1) * lda + k), *b = check_f32(env, k * n);
  float *c = check_f32_raw(env, (m - 1) * ldc + n), *bt = transposed ? check_f32(env, k * n) : NULL;
  for (size_t i = 0; transposed && i < k; i++) {
    for (size_t j = 0; j < n; j++) bt[j * k + i] = b[i * n + j];
  }
  void *packed = check_aligned(env, vz_gemm_pack_b_bytes(env->kernels, k, n));
  if (transposed) {
    vz_gemm_pack_b_f32(env->kernels, k, n, bt, 1, k, packed);
  } else {
    vz_gemm_pack_b_f32(env->kernels, k, n, b, n, 1, packed);
  }
  vz_exec exec = {.kernels = env->kernels, .pool = threads > 1 ? vz_pool_create(threads) : NULL};
  exec.scratch_bytes = vz_gemm_scratch_bytes(m, n, k, vz_pool_threads(exec.pool));
  exec.scratch = check_aligned(env, exec.scratch_bytes);
  vz_gemm_f32(&exec, m, n, k, a, lda, packed, &e, c, ldc);
  vz_pool_destroy(exec.pool);
  expect_gemm(env, m, n, k, a, lda, b, &e, c, ldc);
}

CHECK_DRIVER(gemm) {
  check_gemm_shape(env, check_size(env, 200), check_size(env, 200), check_size(env, 150));
  if (env->round == 0) check_gemm_shape(env, 1, 1000, 300);
  if (env->round == 1) check_gemm_shape(env, 50, 130, 3000); /* the sum in parts */
  if (env->round == 2) check_gemm_shape(env, 300, 1, 7);
  if (env->round == 3) check_gemm_shape(env, 7, 70, 0);
}

/* Strides are those of row order, column order, or neither. */
static void random_order(check_env *env, size_t rows, size_t cols, size_t *row_stride, size_t *col_stride) {
  size_t gap = check_range(env, 0, 2);
  switch (check_random(env) % 3) {
  case 0:
    *row_stride = cols + gap, *col_stride = 1;
    return;
  case 1:
    *row_stride = 1, *col_stride = rows + gap;
    return;
  default:
    *row_stride = 2 * cols, *col_stride = 2;
  }
}

CHECK_KERNEL(product_f32) {
  size_t m = check_size(env, 100), n = check_size(env, 100), k = check_size(env, 100), ldc = n + check_range(env, 0, 2);
  size_t a_row, a_col, b_row, b_col;
  random_order(env, m, k, &a_row, &a_col);
  random_order(env, k, n, &b_row, &b_col);
  check_note(env, "m=%zu n=%zu k=%zu a=%zu,%zu b=%zu,%zu", m, n, k, a_row, a_col, b_row, b_col);
  float *a = check_f32(env, (m - 1) * a_row + (k - 1) * a_col + 1);
  float *b = check_f32(env, (k - 1) * b_row + (n - 1) * b_col + 1);
  size_t count = (m - 1) * ldc + n;
  float *got = check_f32(env, count), *want = check_copy(env, count * sizeof *want, got);
  env->kernels->product_f32(m, n, k, a, a_row, a_col, b, b_row, b_col, got, ldc);
  env->reference->product_f32(m, n, k, a, a_row, a_col, b, b_row, b_col, want, ldc);
  check_near(env, count, got, want, sum_error(k), 2e-6);
}

CHECK_KERNEL(vecmat_f32) {
  size_t n = check_size(env, 300), k = check_size(env, 60), ldb = n + check_range(env, 0, 3);
  check_note(env, "n=%zu k=%zu ldb=%zu", n, k, ldb);
  float *a = check_f32(env, k), *b = check_f32(env, (k - 1) * ldb + n);
  float *got = check_f32(env, n), *want = check_copy(env, n * sizeof *want, got);
  env->kernels->vecmat_f32(n, k, a, b, ldb, got);
  env->reference->vecmat_f32(n, k, a, b, ldb, want);
  check_near(env, n, got, want, sum_error(k), 2e-6);
}

CHECK_DRIVER(vecmat) {
  size_t n = check_size(env, 20000), k = check_size(env, 30);
  check_note(env, "n=%zu k=%zu", n, k);
  float *a = check_f32(env, k), *b = check_f32(env, k * n);
  float *got = check_f32(env, n), *want = check_copy(env, n * sizeof *want, got);
  vz_exec exec = {.kernels = env->kernels, .pool = vz_pool_create(3)};
  vz_vecmat_f32(&exec, n, k, a, b, n, got);
  vz_pool_destroy(exec.pool);
  env->reference->vecmat_f32(n, k, a, b, n, want);
  check_near(env, n, got, want, sum_error(k), 2e-6);
}

CHECK_DRIVER(openblas) { CHECK(vz_openblas_present() == (vz_openblas_warning() == NULL)); }

/* -- speed --------------------------------------------------------------------------------------------------------- */

static void bench_gemm(check_env *env, size_t m, size_t n, size_t k, size_t copies) {
  float *a = check_f32(env, m * k), *c = check_f32(env, m * n);
  size_t bytes = (vz_gemm_pack_b_bytes(env->kernels, k, n) + 63) / 64 * 64;
  char *packed = check_aligned(env, bytes * copies);
  float *b = check_f32(env, k * n);
  for (size_t i = 0; i < copies; i++) vz_gemm_pack_b_f32(env->kernels, k, n, b, n, 1, packed + i * bytes);
  vz_exec exec = {.kernels = env->kernels, .scratch_bytes = vz_gemm_scratch_bytes(m, n, k, 1)};
  exec.scratch = check_aligned(env, exec.scratch_bytes);
  char label[64];
  snprintf(label, sizeof label, "%zu x %zu x %zu%s", m, n, k, copies > 1 ? " cold" : "");
  size_t next = 0;
  CHECK_TIME(env, label, 2.0 * m * n * k) {
    vz_gemm_f32(&exec, m, n, k, a, k, packed + next * bytes, NULL, c, n);
    next = (next + 1) % copies;
  }
}

BENCH_KERNEL(product_f32) {
  size_t n = 512;
  float *a = check_f32(env, n * n), *b = check_f32(env, n * n), *c = check_f32(env, n * n);
  CHECK_TIME(env, "512 x 512 x 512", 2.0 * n * n * n) env->kernels->product_f32(n, n, n, a, n, 1, b, n, 1, c, n);
}

BENCH_DRIVER(gemm) {
  if (env->level == VZ_CPU_SCALAR) return;
  bench_gemm(env, 1, 1024, 1024, 1);
  bench_gemm(env, 96, 64, 256, 1);
  bench_gemm(env, 1024, 512, 512, 1);
  bench_gemm(env, 9, 3072, 768, 8);
  bench_gemm(env, 36, 3072, 768, 8);
  bench_gemm(env, 64, 3072, 768, 8);
  bench_gemm(env, 100, 3072, 768, 8);
  bench_gemm(env, 64, 768, 3072, 8);
  size_t k = 512, n = 512;
  float *b = check_f32(env, k * n);
  void *packed = check_aligned(env, vz_gemm_pack_b_bytes(env->kernels, k, n));
  CHECK_TIME(env, "pack 512 x 512", k * n * 4.0) vz_gemm_pack_b_f32(env->kernels, k, n, b, n, 1, packed);
  CHECK_TIME(env, "pack 512 x 512 transposed", k * n * 4.0) vz_gemm_pack_b_f32(env->kernels, k, n, b, 1, k, packed);
}

BENCH_KERNEL(vecmat_f32) {
  size_t n = 55296, k = 13;
  float *a = check_f32(env, k), *b = check_f32(env, k * n), *c = check_f32(env, n);
  CHECK_TIME(env, "13 x 55296", 2.0 * n * k) { env->kernels->vecmat_f32(n, k, a, b, n, c); }
}
