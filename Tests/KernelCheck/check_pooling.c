#include "check_driver.h"
#include <math.h>

static void pool_kernel_check(check_env *env, bool average) {
  size_t taps = check_range(env, 1, 30), step = check_range(env, 1, 4), n = check_size(env, 120);
  const float *tap[30];
  for (size_t t = 0; t < taps; t++) tap[t] = check_f32(env, (n - 1) * step + 1);
  if (env->round % 6 == 0) ((float *)(uintptr_t)tap[taps / 2])[0] = NAN;
  float *got = check_f32_raw(env, n), *want = check_f32_raw(env, n);
  check_note(env, "taps=%zu step=%zu n=%zu", taps, step, n);
  if (average) {
    env->kernels->pool_average_f32(taps, tap, step, n, 7, got);
    env->reference->pool_average_f32(taps, tap, step, n, 7, want);
  } else {
    env->kernels->pool_max_f32(taps, tap, step, n, got);
    env->reference->pool_max_f32(taps, tap, step, n, want);
  }
  check_near(env, n, got, want, average ? 1e-6 : 0, 0);
}

CHECK_KERNEL(pool_max_f32) { pool_kernel_check(env, false); }
CHECK_KERNEL(pool_average_f32) { pool_kernel_check(env, true); }

/* One output by the definition. Kinds: 0 max, 1 average, 2 the 3-norm. */
static double pool_reference(const vz_pooling *s, int kind, const float *x, const size_t out[3], int64_t *best) {
  double top = -INFINITY, sum = 0;
  size_t inside = 0, padded = 0;
  for (size_t i = 0; i < s->kernel[0]; i++)
    for (size_t j = 0; j < s->kernel[1]; j++)
      for (size_t k = 0; k < s->kernel[2]; k++) {
        const size_t step[3] = {i, j, k};
        ptrdiff_t at[3];
        bool in = true, in_padding = true;
        for (int a = 0; a < 3; a++) {
          at[a] = (ptrdiff_t)(out[a] * s->stride[a] + step[a] * s->dilation[a]) - (ptrdiff_t)s->pad_before[a];
          in &= at[a] >= 0 && at[a] < (ptrdiff_t)s->in[a];
          in_padding &= at[a] < (ptrdiff_t)(s->in[a] + s->pad_after[a]);
        }
        padded += in_padding;
        if (!in) continue;
        double v = x[at[0] * s->x_axis[0] + at[1] * s->x_axis[1] + at[2] * s->x_axis[2]];
        inside++;
        sum += kind == 2 ? fabs(v * v * v) : v;
        if (v > top) top = v, *best = (at[0] * (ptrdiff_t)s->in[1] + at[1]) * (ptrdiff_t)s->in[2] + at[2];
      }
  if (kind == 0) return top;
  if (kind == 2) return cbrt(sum);
  size_t count = s->count_include_pad ? padded : inside;
  return count && inside ? sum / (double)count : 0;
}

CHECK_DRIVER(pooling) {
  vz_pooling s = {.batch = check_range(env, 1, 2), .channels = check_size(env, 20)};
  bool last = env->round % 2, volume = env->round % 5 == 0;
  for (int a = 0; a < 3; a++) {
    bool unused = a == 0 && !volume;
    s.in[a] = unused ? 1 : check_range(env, 1, a == 2 ? 40 : 12);
    s.kernel[a] = unused ? 1 : check_range(env, 1, s.in[a] < 5 ? s.in[a] : 5);
    s.stride[a] = unused ? 1 : check_range(env, 1, 3);
    s.dilation[a] = unused ? 1 : check_range(env, 1, 2);
    if ((s.kernel[a] - 1) * s.dilation[a] + 1 > s.in[a]) s.dilation[a] = 1;
    s.pad_before[a] = check_range(env, 0, s.kernel[a] / 2);
    s.pad_after[a] = check_range(env, 0, s.kernel[a] / 2);
    size_t reach = (s.kernel[a] - 1) * s.dilation[a] + 1, padded = s.in[a] + s.pad_before[a] + s.pad_after[a];
    s.out[a] = (padded - reach + (env->round % 3 ? 0 : s.stride[a] - 1)) / s.stride[a] + 1;
    if ((s.out[a] - 1) * s.stride[a] >= s.in[a] + s.pad_before[a]) s.out[a]--;
  }
  s.count_include_pad = env->round % 4 < 2;
  size_t gap = last ? s.channels + check_range(env, 0, 2) : 1;
  s.x_axis[2] = s.y_axis[2] = (ptrdiff_t)gap;
  s.x_axis[1] = (ptrdiff_t)(s.in[2] * gap), s.x_axis[0] = s.x_axis[1] * (ptrdiff_t)s.in[1];
  s.y_axis[1] = (ptrdiff_t)(s.out[2] * gap), s.y_axis[0] = s.y_axis[1] * (ptrdiff_t)s.out[1];
  s.x_channel = last ? 1 : s.x_axis[0] * (ptrdiff_t)s.in[0], s.y_channel = last ? 1 : s.y_axis[0] * (ptrdiff_t)s.out[0];
  s.x_batch = last ? s.x_axis[0] * (ptrdiff_t)s.in[0] : s.x_channel * (ptrdiff_t)s.channels;
  s.y_batch = last ? s.y_axis[0] * (ptrdiff_t)s.out[0] : s.y_channel * (ptrdiff_t)s.channels;
  float *x = check_f32(env, s.batch * (size_t)s.x_batch), *y = check_f32_raw(env, s.batch * (size_t)s.y_batch);
  size_t outputs = s.batch * s.channels * s.out[0] * s.out[1] * s.out[2];
  int64_t *index = check_bytes(env, outputs * 8, 8);
  int kind = (int)(env->round / 2 % 3);
  bool with_index = kind == 0 && check_range(env, 0, 1);
  vz_exec exec = check_exec(env, 0);
  check_note(env, "kind=%d in=%zux%zux%zu kernel=%zux%zu channels=%zu last=%d", kind, s.in[0], s.in[1], s.in[2],
             s.kernel[1], s.kernel[2], s.channels, last);
  if (kind == 0) vz_max_pool_f32(&exec, &s, x, y, with_index ? index : NULL, false);
  if (kind == 1) vz_average_pool_f32(&exec, &s, x, y);
  if (kind == 2) vz_lp_pool_f32(&exec, &s, 3, x, y);
  for (size_t k = 0; k < outputs; k++) {
    size_t out[3], rest = k;
    for (int a = 3; a-- > 0; rest /= s.out[a]) out[a] = rest % s.out[a];
    size_t c = rest % s.channels, n = rest / s.channels;
    int64_t best = -1;
    double want = pool_reference(&s, kind, x + (ptrdiff_t)n * s.x_batch + (ptrdiff_t)c * s.x_channel, out, &best);
    ptrdiff_t at = (ptrdiff_t)n * s.y_batch + (ptrdiff_t)c * s.y_channel;
    for (int a = 0; a < 3; a++) at += (ptrdiff_t)out[a] * s.y_axis[a];
    check_near_f64(env, 1, y + at, &want, 1e-6, 1e-6);
    if (with_index && best >= 0)
      CHECK(index[k] == best + (int64_t)((n * s.channels + c) * s.in[0] * s.in[1] * s.in[2]));
  }
}

BENCH_DRIVER(pooling) {
  float *x = check_f32(env, 64 * 96 * 96), *y = check_f32(env, 64 * 96 * 96);
  vz_exec exec = check_exec(env, 0);
  exec.pool = NULL;
  vz_pooling s = {.batch = 1,
                  .channels = 64,
                  .in = {1, 96, 96},
                  .out = {1, 48, 48},
                  .kernel = {1, 3, 3},
                  .stride = {1, 2, 2},
                  .dilation = {1, 1, 1},
                  .pad_before = {0, 1, 1},
                  .x_channel = 96 * 96,
                  .x_axis = {0, 96, 1},
                  .y_channel = 48 * 48,
                  .y_axis = {0, 48, 1}};
  CHECK_TIME(env, "max 3x3 s2 64x96x96 nchw", 64 * 48 * 48 * 9) vz_max_pool_f32(&exec, &s, x, y, NULL, false);
  CHECK_TIME(env, "average 3x3 s2 64x96x96 nchw", 64 * 48 * 48 * 9) vz_average_pool_f32(&exec, &s, x, y);
  s.x_channel = s.y_channel = 1;
  s.x_axis[1] = 96 * 64, s.x_axis[2] = 64, s.y_axis[1] = 48 * 64, s.y_axis[2] = 64;
  CHECK_TIME(env, "max 3x3 s2 64x96x96 nhwc", 64 * 48 * 48 * 9) vz_max_pool_f32(&exec, &s, x, y, NULL, false);
  CHECK_TIME(env, "average 3x3 s2 64x96x96 nhwc", 64 * 48 * 48 * 9) vz_average_pool_f32(&exec, &s, x, y);
}
