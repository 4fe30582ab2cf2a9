#include "check_driver.h"
#include <math.h>

static int32_t *random_index(check_env *env, size_t count, size_t in) {
  int32_t *index = check_bytes(env, count * 4, 4);
  for (size_t k = 0; k < count; k++) index[k] = (int32_t)check_range(env, 0, in - 1);
  return index;
}

CHECK_KERNEL(resize_row_f32) {
  size_t n = check_size(env, 300), taps = check_range(env, 1, 5), in = check_size(env, 200);
  float *x = check_f32(env, in), *weight = taps == 1 && env->round % 2 ? NULL : check_f32(env, n * taps);
  int32_t *index = random_index(env, n * taps, in);
  float *got = check_f32_raw(env, n), *want = check_f32_raw(env, n);
  check_note(env, "n=%zu taps=%zu in=%zu", n, taps, in);
  env->kernels->resize_row_f32(n, taps, index, weight, x, got);
  env->reference->resize_row_f32(n, taps, index, weight, x, want);
  check_near(env, n, got, want, 1e-6, 0);
}

CHECK_KERNEL(resize_blend_f32) {
  size_t n = check_size(env, 300), taps = check_range(env, 1, 9);
  const float *tap[9];
  for (size_t t = 0; t < taps; t++) tap[t] = check_f32(env, n);
  float *weight = check_f32(env, taps), *got = check_f32_raw(env, n), *want = check_f32_raw(env, n);
  check_note(env, "n=%zu taps=%zu", n, taps);
  env->kernels->resize_blend_f32(n, taps, weight, tap, got);
  env->reference->resize_blend_f32(n, taps, weight, tap, want);
  check_near(env, n, got, want, 2e-6, 0);
}

/* A linear table with clamped ends, as interpolation makes them; or anything at all. */
static vz_resize_axis random_axis(check_env *env) {
  vz_resize_axis axis = {.in = check_size(env, 40), .out = check_size(env, 60), .taps = check_range(env, 1, 4)};
  if (env->round % 2) axis.taps = 2;
  int32_t *index = random_index(env, axis.out * axis.taps, axis.in);
  float *weight = check_f32(env, axis.out * axis.taps);
  for (size_t o = 0; env->round % 2 && o < axis.out; o++) {
    double at = fmax(0, ((double)o + 0.5) * (double)axis.in / (double)axis.out - 0.5), low = floor(at);
    index[2 * o] = (int32_t)low;
    index[2 * o + 1] = (int32_t)fmin(low + 1, (double)axis.in - 1);
    weight[2 * o + 1] = (float)(at - low);
    weight[2 * o] = 1 - weight[2 * o + 1];
  }
  axis.index = index;
  axis.weight = axis.taps == 1 ? NULL : weight;
  return axis;
}

CHECK_DRIVER(resize2d) {
  vz_resize_shape s = {
      .batch = check_range(env, 1, 2), .channels = check_size(env, 12), .h = random_axis(env), .w = random_axis(env)};
  bool x_last = env->round / 2 % 2, y_last = env->round % 7 ? x_last : !x_last;
  size_t gap = check_range(env, 0, 1);
  s.x_column = x_last ? (ptrdiff_t)(s.channels + gap) : 1, s.x_row = s.x_column * (ptrdiff_t)s.w.in;
  s.x_channel = x_last ? 1 : s.x_row * (ptrdiff_t)s.h.in;
  s.x_batch = x_last ? s.x_row * (ptrdiff_t)s.h.in : s.x_channel * (ptrdiff_t)s.channels;
  s.y_column = y_last ? (ptrdiff_t)(s.channels + gap) : 1, s.y_row = s.y_column * (ptrdiff_t)s.w.out;
  s.y_channel = y_last ? 1 : s.y_row * (ptrdiff_t)s.h.out;
  s.y_batch = y_last ? s.y_row * (ptrdiff_t)s.h.out : s.y_channel * (ptrdiff_t)s.channels;
  float *x = check_f32(env, s.batch * (size_t)s.x_batch), *y = check_f32_raw(env, s.batch * (size_t)s.y_batch);
  vz_exec exec = check_exec(env, vz_resize2d_scratch_bytes(&s, 3));
  check_note(env, "channels=%zu %zux%zu -> %zux%zu last=%d,%d", s.channels, s.h.in, s.w.in, s.h.out, s.w.out, x_last,
             y_last);
  vz_resize2d_f32(&exec, &s, x, y);
  for (size_t n = 0; n < s.batch; n++)
    for (size_t c = 0; c < s.channels; c++)
      for (size_t i = 0; i < s.h.out; i++)
        for (size_t j = 0; j < s.w.out; j++) {
          double want = 0;
          const float *plane = x + (ptrdiff_t)n * s.x_batch + (ptrdiff_t)c * s.x_channel;
          for (size_t t = 0; t < s.h.taps; t++)
            for (size_t u = 0; u < s.w.taps; u++) {
              double v = s.h.weight ? s.h.weight[i * s.h.taps + t] : 1,
                     w = s.w.weight ? s.w.weight[j * s.w.taps + u] : 1;
              want += v * w * plane[s.h.index[i * s.h.taps + t] * s.x_row + s.w.index[j * s.w.taps + u] * s.x_column];
            }
          float *got = y + (ptrdiff_t)n * s.y_batch + (ptrdiff_t)c * s.y_channel + (ptrdiff_t)i * s.y_row +
                       (ptrdiff_t)j * s.y_column;
          check_near_f64(env, 1, got, &want, 4e-6, 1e-6);
        }
}

BENCH_DRIVER(resize2d) {
  enum { IN = 96, OUT = 256, C = 4 };
  static int32_t index[OUT * 2];
  static float weight[OUT * 2];
  for (int o = 0; o < OUT; o++) {
    double at = o * (IN - 1.0) / (OUT - 1);
    index[2 * o] = (int32_t)fmin(floor(at), IN - 2), index[2 * o + 1] = index[2 * o] + 1;
    weight[2 * o + 1] = (float)(at - index[2 * o]), weight[2 * o] = 1 - weight[2 * o + 1];
  }
  vz_resize_axis axis = {IN, OUT, 2, index, weight};
  vz_resize_shape s = {.batch = 1,
                       .channels = C,
                       .h = axis,
                       .w = axis,
                       .x_channel = IN * IN,
                       .x_row = IN,
                       .x_column = 1,
                       .y_channel = OUT * OUT,
                       .y_row = OUT,
                       .y_column = 1};
  float *x = check_f32(env, C * IN * IN), *y = check_f32(env, C * OUT * OUT);
  vz_exec exec = check_exec(env, 1 << 20);
  exec.pool = NULL;
  CHECK_TIME(env, "linear 4x96x96 -> 256x256 nchw", C * OUT * OUT) vz_resize2d_f32(&exec, &s, x, y);
  s.x_channel = s.y_channel = 1, s.x_row = IN * C, s.x_column = C, s.y_row = OUT * C, s.y_column = C;
  CHECK_TIME(env, "linear 4x96x96 -> 256x256 nhwc", C * OUT * OUT) vz_resize2d_f32(&exec, &s, x, y);
}
