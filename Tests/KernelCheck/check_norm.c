#include "check_driver.h"
#include <math.h>

CHECK_KERNEL(norm_row_f32) {
  size_t n = check_size(env, 1000);
  float *x = check_f32(env, n), *scale = check_f32(env, n), *bias = check_f32(env, n);
  float *got = check_f32_raw(env, n), *want = check_f32_raw(env, n);
  if (env->round % 3 == 1) scale = NULL;
  if (env->round % 4 == 1) bias = NULL;
  env->kernels->norm_row_f32(n, x, 0.25f, 1.5f, scale, bias, got);
  env->reference->norm_row_f32(n, x, 0.25f, 1.5f, scale, bias, want);
  check_near(env, n, got, want, 5e-7, 1e-6);
}

CHECK_KERNEL(norm_plane_f32) {
  size_t n = check_size(env, 1000);
  float *x = check_f32(env, n), *got = check_f32_raw(env, n), *want = check_f32_raw(env, n);
  env->kernels->norm_plane_f32(n, x, 0.25f, 1.5f, -0.5f, got);
  env->reference->norm_plane_f32(n, x, 0.25f, 1.5f, -0.5f, want);
  check_near(env, n, got, want, 5e-7, 1e-6);
}

CHECK_KERNEL(norm_columns_f32) {
  size_t rows = check_size(env, 20), cols = check_size(env, 200), x_row = cols + check_range(env, 0, 2);
  size_t y_row = cols + check_range(env, 0, 2), count = (rows - 1) * y_row + cols;
  float *x = check_f32(env, (rows - 1) * x_row + cols), *mean = check_f32(env, cols), *factor = check_f32(env, cols);
  float *bias = check_f32(env, cols), *got = check_f32_raw(env, count), *want = check_f32_raw(env, count);
  env->kernels->norm_columns_f32(rows, cols, x, (ptrdiff_t)x_row, mean, factor, bias, got, (ptrdiff_t)y_row);
  env->reference->norm_columns_f32(rows, cols, x, (ptrdiff_t)x_row, mean, factor, bias, want, (ptrdiff_t)y_row);
  check_near(env, count, got, want, 5e-7, 1e-6);
}

/* Numbers around `center`: a variance that naive sums of squares would lose. */
static float *offset_values(check_env *env, size_t count, double center) {
  return check_f32_in(env, count, center - 1, center + 1);
}

CHECK_DRIVER(layernorm) {
  size_t rows = check_size(env, 20), cols = check_size(env, 900), ld = cols + check_range(env, 0, 3);
  double center = env->round % 3 == 0 ? 1000 : 0;
  float *x = offset_values(env, rows * ld, center), *scale = check_f32(env, cols), *bias = check_f32(env, cols);
  float *y = check_f32_raw(env, rows * cols), *mean = check_f32_raw(env, rows), *inverse = check_f32_raw(env, rows);
  bool rms = env->round % 2;
  vz_exec exec = check_exec(env, 0);
  check_note(env, "rows=%zu cols=%zu rms=%d", rows, cols, rms);
  if (rms)
    vz_rmsnorm_f32(&exec, rows, cols, 1e-5f, x, (ptrdiff_t)ld, scale, y, (ptrdiff_t)cols);
  else
    vz_layernorm_f32(&exec, rows, cols, 1e-5f, x, (ptrdiff_t)ld, scale, bias, y, (ptrdiff_t)cols, mean, inverse);
  for (size_t r = 0; r < rows; r++) {
    double sum = 0, squares = 0;
    for (size_t c = 0; c < cols; c++) sum += x[r * ld + c];
    double middle = rms ? 0 : sum / (double)cols;
    for (size_t c = 0; c < cols; c++) squares += (x[r * ld + c] - middle) * (x[r * ld + c] - middle);
    double factor = 1 / sqrt(squares / (double)cols + (double)1e-5f);
    /* The mean is handed on as a float. */
    double absolute = 2e-6 + 1e-7 * fabs(center) * (rms ? 0 : fmin(factor, 320));
    for (size_t c = 0; c < cols; c++) {
      double want = (x[r * ld + c] - middle) * factor * scale[c] + (rms ? 0 : bias[c]);
      check_near_f64(env, 1, y + r * cols + c, &want, absolute, 2e-6);
    }
    if (rms) continue;
    check_near_f64(env, 1, mean + r, &middle, 4e-7, 1e-7); /* values spread over 2 */
    check_near_f64(env, 1, inverse + r, &factor, 0, 2e-6);
  }
}

CHECK_DRIVER(groupnorm) {
  size_t batch = check_range(env, 1, 3), groups = check_range(env, 1, 6), width = check_size(env, 60);
  size_t channels = groups * width, spatial = check_size(env, env->round % 4 ? 150 : 3000);
  if (width > 20) spatial = 1 + spatial % 150;
  bool last = env->round % 2;
  size_t x_ld = channels + check_range(env, 0, 3), y_ld = channels + check_range(env, 0, 3);
  if (!last) x_ld = y_ld = channels;
  float *x = offset_values(env, batch * spatial * x_ld, env->round % 3 ? 0 : 100);
  float *scale = check_f32(env, channels), *bias = check_f32(env, channels);
  float *y = check_f32_raw(env, batch * spatial * y_ld);
  if (env->round % 7 == 6) scale = bias = NULL;
  vz_exec exec = check_exec(env, last ? vz_groupnorm_nhwc_scratch_bytes(batch, channels, spatial, 3) : 0);
  check_note(env, "batch=%zu groups=%zu channels=%zu spatial=%zu last=%d", batch, groups, channels, spatial, last);
  const vz_act clip = {VZ_ACT_CLIP, -0.5f, 0.75f, NULL}, *act = env->round % 3 == 1 ? &clip : NULL;
  if (last)
    vz_groupnorm_nhwc_f32(&exec, batch, groups, channels, spatial, 1e-5f, x, (ptrdiff_t)x_ld, scale, bias, act, y,
                          (ptrdiff_t)y_ld);
  else
    vz_groupnorm_nchw_f32(&exec, batch, groups, channels, spatial, 1e-5f, x, scale, bias, act, y);
  for (size_t n = 0; n < batch; n++)
    for (size_t g = 0; g < groups; g++) {
      double sum = 0, squares = 0, count = (double)(width * spatial);
      for (int pass = 0; pass < 2; pass++)
        for (size_t c = g * width; c < (g + 1) * width; c++)
          for (size_t s = 0; s < spatial; s++) {
            double v = last ? x[(n * spatial + s) * x_ld + c] : x[(n * channels + c) * spatial + s];
            if (pass)
              squares += (v - sum / count) * (v - sum / count);
            else
              sum += v;
          }
      double factor = 1 / sqrt(squares / count + (double)1e-5f);
      for (size_t c = g * width; c < (g + 1) * width; c++)
        for (size_t s = 0; s < spatial; s++) {
          size_t from = last ? (n * spatial + s) * x_ld + c : (n * channels + c) * spatial + s;
          size_t to = last ? (n * spatial + s) * y_ld + c : from;
          double want = (x[from] - sum / count) * factor * (scale ? scale[c] : 1) + (bias ? bias[c] : 0);
          if (act) want = want < -0.5 ? -0.5 : want > 0.75 ? 0.75 : want;
          check_near_f64(env, 1, y + to, &want, 5e-6 + 1e-7 * fabs(sum / count) * fmin(factor, 320), 2e-6);
        }
    }
}

BENCH_DRIVER(norm) {
  enum { N = 64 * 64 * 128 };
  float *x = check_f32(env, N), *y = check_f32(env, N), *scale = check_f32(env, 128), *bias = check_f32(env, 128);
  vz_exec exec = check_exec(env, vz_groupnorm_nhwc_scratch_bytes(1, 128, 4096, 3));
  exec.pool = NULL;
  CHECK_TIME(env, "layernorm 4096x128", N)
  vz_layernorm_f32(&exec, 4096, 128, 1e-5f, x, 128, scale, bias, y, 128, NULL, NULL);
  CHECK_TIME(env, "groupnorm nchw 32 of 128x64x64", N)
  vz_groupnorm_nchw_f32(&exec, 1, 32, 128, 4096, 1e-5f, x, scale, bias, NULL, y);
  CHECK_TIME(env, "groupnorm nhwc 32 of 128x64x64", N)
  vz_groupnorm_nhwc_f32(&exec, 1, 32, 128, 4096, 1e-5f, x, 128, scale, bias, NULL, y, 128);
}
