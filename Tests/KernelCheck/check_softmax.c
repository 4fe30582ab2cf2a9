#include "check_driver.h"
#include <math.h>

CHECK_KERNEL(softmax_row_f32) {
  size_t n = check_size(env, 2000);
  bool logarithm = env->round % 2;
  double reach = env->round % 3 ? 5 : 100;
  float *x = check_f32_in(env, n, -reach, reach), *got = check_f32_raw(env, n), *want = check_f32_raw(env, n);
  if (env->round % 5 == 0) x[n / 2] = -INFINITY;
  if (env->round == 17) x[0] = NAN;
  check_note(env, "n=%zu logarithm=%d", n, logarithm);
  double relative = 1e-6 + reach * 1.2e-7; /* x - max is rounded to float */
  env->kernels->softmax_row_f32(logarithm, n, x, got);
  env->reference->softmax_row_f32(logarithm, n, x, want);
  check_near(env, n, got, want, logarithm ? 2e-6 : 1e-38, relative);
  env->kernels->softmax_row_f32(logarithm, n, x, x);
  check_near(env, n, x, want, logarithm ? 2e-6 : 1e-38, relative);
}

CHECK_KERNEL(softmax_weights_f32) {
  size_t n = check_size(env, 2000);
  double reach = env->round % 3 ? 5 : 100;
  float *got = check_f32_in(env, n, -reach, reach);
  if (env->round % 5 == 0) got[n / 2] = -INFINITY;
  if (env->round == 17) got[0] = NAN;
  float *want = check_copy(env, n * sizeof *want, got), factor[2];
  check_note(env, "n=%zu", n);
  double relative = 1e-6 + reach * 1.2e-7;
  factor[0] = env->kernels->softmax_weights_f32(n, got);
  factor[1] = env->reference->softmax_weights_f32(n, want);
  check_near(env, 1, &factor[0], &factor[1], 0, relative);
  if (env->round != 17) check_near(env, n, got, want, 1e-38, relative);
}

CHECK_KERNEL(softmax_columns_f32) {
  size_t length = check_size(env, 60), cols = check_size(env, 80), ld = cols + check_range(env, 0, 2);
  bool logarithm = env->round % 2;
  size_t count = (length - 1) * ld + cols;
  float *x = check_f32_in(env, count, -10, 10), *got = check_f32_raw(env, count), *want = check_f32_raw(env, count);
  if (env->round % 5 == 0) x[count / 2] = -INFINITY;
  check_note(env, "length=%zu cols=%zu logarithm=%d", length, cols, logarithm);
  env->kernels->softmax_columns_f32(logarithm, length, cols, x, (ptrdiff_t)ld, got, (ptrdiff_t)ld);
  env->reference->softmax_columns_f32(logarithm, length, cols, x, (ptrdiff_t)ld, want, (ptrdiff_t)ld);
  check_near(env, count, got, want, logarithm ? 2e-6 : 1e-38, 2e-6);
}

CHECK_DRIVER(softmax) {
  size_t outer = check_size(env, 12), length = check_size(env, 40), inner = env->round % 3 ? check_size(env, 90) : 1;
  ptrdiff_t axis = (ptrdiff_t)(inner + check_range(env, 0, 1)), step = axis * (ptrdiff_t)length + 1;
  float *x = check_f32_in(env, outer * (size_t)step, -8, 8), *y = check_f32_raw(env, outer * (size_t)step);
  vz_exec exec = check_exec(env, 0);
  check_note(env, "outer=%zu length=%zu inner=%zu", outer, length, inner);
  vz_softmax_f32(&exec, VZ_SOFTMAX, outer, length, inner, x, step, axis, y, step, axis);
  for (size_t o = 0; o < outer; o++)
    for (size_t i = 0; i < inner; i++) {
      ptrdiff_t at = (ptrdiff_t)o * step + (ptrdiff_t)i;
      double sum = 0;
      for (size_t k = 0; k < length; k++) sum += exp(x[at + (ptrdiff_t)k * axis]);
      for (size_t k = 0; k < length; k++) {
        double want = exp(x[at + (ptrdiff_t)k * axis]) / sum;
        check_near_f64(env, 1, y + at + (ptrdiff_t)k * axis, &want, 0, 2e-6);
      }
    }
}

BENCH_KERNEL(softmax_row_f32) {
  float *x = check_f32(env, 1024), *y = check_f32(env, 1024);
  CHECK_TIME(env, "1024", 1024) env->kernels->softmax_row_f32(false, 1024, x, y);
  CHECK_TIME(env, "64", 64) env->kernels->softmax_row_f32(false, 64, x, y);
}
