#include "check.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A pass against its equation: scalar against sums in double, the others against scalar. */
#define PASS_CHECK(type, row, tolerance)                                                                               \
  CHECK_KERNEL(row) {                                                                                                  \
    static const size_t radices[] = {2, 3, 4, 5, 7, 11, 13, 31};                                                       \
    size_t r = radices[env->round % 8], m = check_size(env, 20), s = env->round % 3 ? check_size(env, 40) : 1;         \
    size_t n = r * m * s, turns = (r - 1) * m;                                                                         \
    type *table = check_bytes(env, (2 * turns + 2 * r) * sizeof(type), sizeof(type));                                  \
    for (size_t k = 1; k < r; k++) {                                                                                   \
      for (size_t p = 0; p < m; p++) {                                                                                 \
        double angle = 2 * M_PI * (double)(k * p) / (double)(r * m);                                                   \
        table[(k - 1) * m + p] = (type)cos(angle), table[turns + (k - 1) * m + p] = (type)-sin(angle);                 \
      }                                                                                                                \
    }                                                                                                                  \
    for (size_t k = 0; k < r; k++) {                                                                                   \
      table[2 * turns + k] = (type)cos(2 * M_PI * (double)k / (double)r);                                              \
      table[2 * turns + r + k] = (type)-sin(2 * M_PI * (double)k / (double)r);                                         \
    }                                                                                                                  \
    type *parts[6];                                                                                                    \
    for (size_t i = 0; i < 6; i++) {                                                                                   \
      parts[i] = check_bytes(env, n * sizeof(type), sizeof(type));                                                     \
      for (size_t k = 0; k < n && i < 2; k++) parts[i][k] = (type)check_uniform(env, -1, 1);                           \
    }                                                                                                                  \
    check_note(env, "r=%zu m=%zu s=%zu", r, m, s);                                                                     \
    env->kernels->row(r, m, s, table, parts[0], parts[1], parts[2], parts[3]);                                         \
    env->reference->row(r, m, s, table, parts[0], parts[1], parts[4], parts[5]);                                       \
    for (size_t k = 0; k < n; k++)                                                                                     \
      if (!(fabs((double)parts[2][k] - (double)parts[4][k]) + fabs((double)parts[3][k] - (double)parts[5][k]) <=       \
            tolerance * (double)r))                                                                                    \
        check_fail(env, "[%zu] %g %g, wanted %g %g", k, (double)parts[2][k], (double)parts[3][k],                      \
                   (double)parts[4][k], (double)parts[5][k]);                                                          \
  }

PASS_CHECK(float, fft_pass_f32, 1e-6)
PASS_CHECK(double, fft_pass_f64, 1e-14)

/* X[k] = sum_j x[j] e^(sign 2 pi i j k / n) */
static void transform(size_t n, double sign, const double *x, double *y) {
  double cosines[1024], sines[1024];
  for (size_t k = 0; k < n; k++) {
    cosines[k] = cos(2 * M_PI * (double)k / (double)n);
    sines[k] = sign * sin(2 * M_PI * (double)k / (double)n);
  }
  for (size_t k = 0; k < n; k++) {
    double re = 0, im = 0;
    for (size_t j = 0; j < n; j++) {
      double c = cosines[j * k % n], d = sines[j * k % n];
      re += x[2 * j] * c - x[2 * j + 1] * d;
      im += x[2 * j] * d + x[2 * j + 1] * c;
    }
    y[2 * k] = re, y[2 * k + 1] = im;
  }
}

/* 1 ... 40 once each, then smooth lengths, primes that need Bluestein, and twice such a prime. */
static size_t length(check_env *env) {
  static const size_t hard[] = {400, 800, 1024, 240, 37, 41, 74, 127, 254, 331, 512, 441, 97, 343, 62, 100};
  return env->round < 24 ? env->round + 1 : hard[env->round - 24];
}

#define DRIVER_CHECK(type, suffix, tolerance)                                                                          \
  CHECK_DRIVER(fft_##suffix) {                                                                                         \
    size_t n = length(env), bins = n / 2 + 1;                                                                          \
    double limit = tolerance * sqrt((double)n) * (1 + log2((double)n));                                                \
    check_note(env, "n=%zu", n);                                                                                       \
    type *x = check_bytes(env, 2 * n * sizeof(type), sizeof(type)), *y = check_bytes(env, 2 * n * sizeof(type), sizeof(type)); \
    type *half = check_bytes(env, 2 * bins * sizeof(type), sizeof(type)), *back = check_bytes(env, n * sizeof(type), sizeof(type)); \
    double *in = check_aligned(env, 2 * n * sizeof(double)), *want = check_aligned(env, 2 * n * sizeof(double));       \
    for (size_t k = 0; k < 2 * n; k++) in[k] = x[k] = (type)check_uniform(env, -1, 1);                                 \
    vz_fft_##suffix *plan = vz_fft_create_##suffix(n, false), *real = vz_fft_create_##suffix(n, true);                 \
    CHECK(plan && real);                                                                                               \
    void *scratch = check_aligned(env, vz_fft_scratch_bytes_##suffix(plan));                                           \
    for (int inverse = 0; inverse < 2; inverse++) {                                                                    \
      transform(n, inverse ? 1 : -1, in, want);                                                                        \
      vz_fft_complex_##suffix(env->kernels, plan, inverse, x, y, scratch);                                             \
      for (size_t k = 0; k < 2 * n; k++)                                                                               \
        if (!(fabs((double)y[k] - want[k]) <= limit))                                                                  \
          check_fail(env, "inverse=%d [%zu] %g, wanted %g", inverse, k, (double)y[k], want[k]);                        \
    }                                                                                                                  \
    for (size_t k = 0; k < n; k++) in[2 * k] = x[k], in[2 * k + 1] = 0;                                                \
    transform(n, -1, in, want);                                                                                        \
    scratch = check_aligned(env, vz_fft_scratch_bytes_##suffix(real));                                                 \
    vz_fft_real_##suffix(env->kernels, real, x, half, scratch);                                                        \
    for (size_t k = 0; k < 2 * bins; k++)                                                                              \
      if (!(fabs((double)half[k] - want[k]) <= limit))                                                                 \
        check_fail(env, "real [%zu] %g, wanted %g", k, (double)half[k], want[k]);                                      \
    vz_fft_real_inverse_##suffix(env->kernels, real, half, back, scratch);                                             \
    for (size_t k = 0; k < n; k++)                                                                                     \
      if (!(fabs((double)back[k] - (double)n * (double)x[k]) <= 4 * limit * sqrt((double)n)))                          \
        check_fail(env, "real inverse [%zu] %g, wanted %g", k, (double)back[k], (double)n * (double)x[k]);             \
    vz_fft_destroy_##suffix(plan);                                                                                     \
    vz_fft_destroy_##suffix(real);                                                                                     \
  }                                                                                                                    \
  BENCH_DRIVER(fft_##suffix) {                                                                                         \
    static const size_t sizes[] = {400, 800, 1024, 1999};                                                              \
    for (size_t i = 0; i < 4; i++) {                                                                                   \
      size_t n = sizes[i];                                                                                             \
      char label[32];                                                                                                  \
      snprintf(label, sizeof label, "real n=%zu", n);                                                                  \
      vz_fft_##suffix *plan = vz_fft_create_##suffix(n, true);                                                         \
      type *x = check_aligned(env, n * sizeof(type)), *y = check_aligned(env, (n + 2) * sizeof(type));                 \
      memset(x, 0, n * sizeof(type));                                                                                  \
      void *scratch = check_aligned(env, vz_fft_scratch_bytes_##suffix(plan));                                         \
      CHECK_TIME(env, label, 2.5 * (double)n * log2((double)n))                                                        \
        vz_fft_real_##suffix(env->kernels, plan, x, y, scratch);                                                       \
      vz_fft_destroy_##suffix(plan);                                                                                   \
    }                                                                                                                  \
  }

DRIVER_CHECK(float, f32, 2e-7)
DRIVER_CHECK(double, f64, 2e-15)
