#include "check.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

vz_epilogue check_epilogue(check_env *env, size_t n);

/* -- shapes -------------------------------------------------------------------------------------------------------- */

static size_t memory(size_t batch, size_t h, size_t w, size_t c, size_t ld, size_t row, size_t image) {
  return (batch - 1) * image + (h - 1) * row + (w - 1) * ld + c;
}

static size_t in_floats(const vz_conv_shape *s) {
  return memory(s->batch, s->in_h, s->in_w, s->in_c, s->in_ld, s->in_row, s->in_batch);
}

static size_t out_floats(const vz_conv_shape *s) {
  return memory(s->batch, s->out_h, s->out_w, s->out_c, s->out_ld, s->out_row, s->out_batch);
}

static size_t weight_floats(const vz_conv_shape *s) {
  return s->out_c * (s->in_c / s->groups) * s->kernel_h * s->kernel_w;
}

/* Everything but the output size: small images, any kernel. */
static vz_conv_shape random_shape(check_env *env) {
  vz_conv_shape s = {.batch = check_range(env, 1, 2), .groups = 1};
  s.in_h = check_range(env, 1, 13);
  s.in_w = check_range(env, 1, 17);
  s.kernel_h = check_range(env, 1, 4);
  s.kernel_w = check_range(env, 1, 5);
  s.stride_h = check_range(env, 1, 3);
  s.stride_w = check_range(env, 1, 3);
  s.dilation_h = check_range(env, 1, 3);
  s.dilation_w = check_random(env) % 2 ? 1 : check_range(env, 1, 3);
  s.pad_top = (ptrdiff_t)check_range(env, 0, 4) - 1;
  s.pad_left = (ptrdiff_t)check_range(env, 0, 4) - 1;
  switch (check_random(env) % 4) {
  case 0:
    s.groups = check_range(env, 1, 4);
    break;
  case 1:
    s.kernel_h = s.kernel_w = s.stride_h = s.stride_w = 1, s.pad_top = s.pad_left = 0;
    break;
  case 2:
    s.in_h = s.kernel_h = s.stride_h = s.dilation_h = 1, s.pad_top = 0;
    break;
  }
  bool few = check_random(env) % 3 == 0;
  s.in_c = s.groups * (few ? check_range(env, 1, 6) : check_size(env, 40));
  s.out_c = s.groups * (s.groups > 1 ? check_size(env, 20) : check_size(env, 140));
  return s;
}

static void output_size(check_env *env, vz_conv_shape *s) {
  ptrdiff_t h = ((ptrdiff_t)(s->in_h - (s->kernel_h - 1) * s->dilation_h) + s->pad_top) / (ptrdiff_t)s->stride_h;
  ptrdiff_t w = ((ptrdiff_t)(s->in_w - (s->kernel_w - 1) * s->dilation_w) + s->pad_left) / (ptrdiff_t)s->stride_w;
  s->out_h = (size_t)(h > 0 ? h : 1) + check_range(env, 0, 2);
  s->out_w = (size_t)(w > 0 ? w : 1) + check_range(env, 0, 2);
}

static void random_strides(check_env *env, vz_conv_shape *s) {
  s->in_ld = s->in_c + check_range(env, 0, 2);
  s->in_row = s->in_w * s->in_ld + check_range(env, 0, 2);
  s->in_batch = s->in_h * s->in_row + check_range(env, 0, 2);
  s->out_ld = s->out_c + check_range(env, 0, 2);
  s->out_row = s->out_w * s->out_ld + check_range(env, 0, 2);
  s->out_batch = s->out_h * s->out_row + check_range(env, 0, 2);
}

static void note_shape(check_env *env, const vz_conv_shape *s, const vz_epilogue *e, unsigned threads) {
  check_note(env,
             "batch=%zu in=%zux%zux%zu out=%zux%zux%zu kernel=%zux%zu stride=%zux%zu dilation=%zux%zu pad=%td,%td "
             "groups=%zu act=%d residual=%d threads=%u",
             s->batch, s->in_h, s->in_w, s->in_c, s->out_h, s->out_w, s->out_c, s->kernel_h, s->kernel_w, s->stride_h,
             s->stride_w, s->dilation_h, s->dilation_w, s->pad_top, s->pad_left, s->groups, e->act.kind,
             e->residual != NULL, threads);
}

/* -- the definition, with sums in double ----------------------------------------------------------------------------
 */

static double conv_sum(const vz_conv_shape *s, const float *x, const float *w, size_t b, size_t oy, size_t ox,
                       size_t m) {
  size_t in = s->in_c / s->groups, g = m / (s->out_c / s->groups);
  double sum = 0;
  for (size_t ky = 0; ky < s->kernel_h; ky++) {
    for (size_t kx = 0; kx < s->kernel_w; kx++) {
      ptrdiff_t iy = (ptrdiff_t)(oy * s->stride_h + ky * s->dilation_h) - s->pad_top;
      ptrdiff_t ix = (ptrdiff_t)(ox * s->stride_w + kx * s->dilation_w) - s->pad_left;
      if (iy < 0 || ix < 0 || iy >= (ptrdiff_t)s->in_h || ix >= (ptrdiff_t)s->in_w) continue;
      const float *pixel = x + b * s->in_batch + (size_t)iy * s->in_row + (size_t)ix * s->in_ld + g * in;
      for (size_t i = 0; i < in; i++) {
        sum += (double)pixel[i] * (double)w[((m * in + i) * s->kernel_h + ky) * s->kernel_w + kx];
      }
    }
  }
  return sum;
}

static double transpose_sum(const vz_conv_shape *s, const float *x, const float *w, size_t b, size_t oy, size_t ox,
                            size_t m) {
  size_t in = s->in_c / s->groups, out = s->out_c / s->groups, g = m / out;
  double sum = 0;
  for (size_t iy = 0; iy < s->in_h; iy++) {
    for (size_t ix = 0; ix < s->in_w; ix++) {
      ptrdiff_t y = (ptrdiff_t)oy + s->pad_top - (ptrdiff_t)(iy * s->stride_h);
      ptrdiff_t z = (ptrdiff_t)ox + s->pad_left - (ptrdiff_t)(ix * s->stride_w);
      if (y < 0 || z < 0 || (size_t)y % s->dilation_h || (size_t)z % s->dilation_w) continue;
      size_t ky = (size_t)y / s->dilation_h, kx = (size_t)z / s->dilation_w;
      if (ky >= s->kernel_h || kx >= s->kernel_w) continue;
      const float *pixel = x + b * s->in_batch + iy * s->in_row + ix * s->in_ld + g * in;
      for (size_t i = 0; i < in; i++) {
        size_t row = (g * in + i) * out + m % out;
        sum += (double)pixel[i] * (double)w[(row * s->kernel_h + ky) * s->kernel_w + kx];
      }
    }
  }
  return sum;
}

typedef double (*summer)(const vz_conv_shape *, const float *, const float *, size_t, size_t, size_t, size_t);

static void expect(check_env *env, const vz_conv_shape *s, summer sum_of, const float *x, const float *w,
                   const float *scale, const vz_epilogue *e, const float *got, bool transformed) {
  double products = (double)(s->in_c / s->groups * s->kernel_h * s->kernel_w);
  double tolerance = transformed ? 4e-6 * sqrt(products) + 2e-6 : 1e-7 * products + 2e-6;
  for (size_t b = 0; b < s->batch; b++) {
    for (size_t oy = 0; oy < s->out_h; oy++) {
      for (size_t ox = 0; ox < s->out_w; ox++) {
        for (size_t m = 0; m < s->out_c; m++) {
          double sum = sum_of(s, x, w, b, oy, ox, m);
          if (scale) sum *= (double)scale[m];
          if (e->bias) sum += (double)e->bias[m];
          float residual = 0;
          if (e->residual) {
            residual = e->residual[b * e->residual_batch + oy * e->residual_row + ox * e->residual_ld + m];
          }
          vz_act act = e->act;
          if (act.slope) act.slope += m;
          float y = (float)(e->residual_after ? sum : sum + (double)residual);
          env->reference->activate_f32(1, 1, &act, &y, 1);
          if (e->residual_after) y += residual;
          check_near(env, 1, &got[b * s->out_batch + oy * s->out_row + ox * s->out_ld + m], &y, tolerance, 2e-6);
        }
      }
    }
  }
}

/* -- checks -------------------------------------------------------------------------------------------------------- */

static vz_epilogue epilogue_of(check_env *env, const vz_conv_shape *s) {
  vz_epilogue e = check_epilogue(env, s->out_c);
  e.residual_ld = s->out_c + check_range(env, 0, 1);
  e.residual_row = e.residual_ld * s->out_w;
  e.residual_batch = e.residual_row * s->out_h;
  if (check_random(env) % 2) {
    e.residual =
        check_f32(env, memory(s->batch, s->out_h, s->out_w, s->out_c, e.residual_ld, e.residual_row, e.residual_batch));
  }
  e.residual_after = check_random(env) % 4 == 0;
  return e;
}

static vz_exec exec_of(check_env *env, unsigned threads, size_t scratch_bytes) {
  vz_exec exec = {.kernels = env->kernels, .pool = threads > 1 ? vz_pool_create(threads) : NULL};
  exec.scratch_bytes = scratch_bytes;
  exec.scratch = check_aligned(env, scratch_bytes);
  return exec;
}

static void check_conv_shape(check_env *env, vz_conv_shape s, vz_conv_algorithm algorithm) {
  random_strides(env, &s);
  vz_epilogue e = epilogue_of(env, &s);
  unsigned threads = (unsigned)check_range(env, 1, 3);
  note_shape(env, &s, &e, threads);
  float *x = check_f32(env, in_floats(&s)), *w = check_f32(env, weight_floats(&s)),
        *y = check_f32_raw(env, out_floats(&s));
  float *scale = check_random(env) % 2 ? check_f32(env, s.out_c) : NULL;
  void *packed = check_aligned(env, vz_conv_pack_bytes(env->kernels, &s, algorithm));
  vz_conv_pack_f32(env->kernels, &s, algorithm, w, scale, packed);
  vz_exec exec = exec_of(env, threads, vz_conv_scratch_bytes(&s, threads));
  vz_conv_f32(&exec, &s, x, packed, &e, y);
  vz_pool_destroy(exec.pool);
  expect(env, &s, conv_sum, x, w, scale, &e, y, algorithm == VZ_CONV_WINOGRAD);
}

CHECK_DRIVER(conv) {
  vz_conv_shape s = random_shape(env);
  output_size(env, &s);
  check_conv_shape(env, s, check_random(env) % 3 ? VZ_CONV_AUTO : VZ_CONV_DIRECT);
}

/* 3 x 3 of stride 1, the only kind that is transformed. */
CHECK_DRIVER(winograd) {
  vz_conv_shape s = random_shape(env);
  s.kernel_h = s.kernel_w = 3;
  s.stride_h = s.stride_w = s.dilation_h = s.dilation_w = s.groups = 1;
  s.in_c = check_size(env, 40);
  s.out_c = check_size(env, 140);
  output_size(env, &s);
  check_conv_shape(env, s, VZ_CONV_WINOGRAD);
}

static void check_transpose_shape(check_env *env, vz_conv_shape s) {
  random_strides(env, &s);
  vz_epilogue e = epilogue_of(env, &s);
  unsigned threads = (unsigned)check_range(env, 1, 3);
  note_shape(env, &s, &e, threads);
  float *x = check_f32(env, in_floats(&s)), *w = check_f32(env, weight_floats(&s)),
        *y = check_f32_raw(env, out_floats(&s));
  float *scale = check_random(env) % 2 ? check_f32(env, s.out_c) : NULL;
  void *packed = check_aligned(env, vz_conv_transpose_pack_bytes(env->kernels, &s));
  vz_conv_transpose_pack_f32(env->kernels, &s, w, scale, packed);
  vz_exec exec = exec_of(env, threads, vz_conv_transpose_scratch_bytes(&s, threads));
  vz_conv_transpose_f32(&exec, &s, x, packed, &e, y);
  vz_pool_destroy(exec.pool);
  expect(env, &s, transpose_sum, x, w, scale, &e, y, false);
}

CHECK_DRIVER(conv_transpose) {
  vz_conv_shape s = random_shape(env);
  s.in_h = s.in_h > 6 ? 6 : s.in_h;
  s.in_w = s.in_w > 7 ? 7 : s.in_w;
  ptrdiff_t h = (ptrdiff_t)((s.in_h - 1) * s.stride_h + (s.kernel_h - 1) * s.dilation_h + 1) - 2 * s.pad_top;
  ptrdiff_t w = (ptrdiff_t)((s.in_w - 1) * s.stride_w + (s.kernel_w - 1) * s.dilation_w + 1) - 2 * s.pad_left;
  s.out_h = (size_t)(h > 0 ? h : 1) + check_range(env, 0, 1);
  s.out_w = (size_t)(w > 0 ? w : 1) + check_range(env, 0, 1);
  check_transpose_shape(env, s);
}

CHECK_DRIVER(depthwise) {
  vz_conv_shape s = random_shape(env);
  s.in_c = s.out_c = s.groups = check_size(env, 80);
  output_size(env, &s);
  random_strides(env, &s);
  vz_epilogue e = epilogue_of(env, &s);
  unsigned threads = (unsigned)check_range(env, 1, 3);
  note_shape(env, &s, &e, threads);
  float *x = check_f32(env, in_floats(&s)), *w = check_f32(env, weight_floats(&s)),
        *y = check_f32_raw(env, out_floats(&s));
  float *scale = check_random(env) % 2 ? check_f32(env, s.out_c) : NULL;
  void *packed = check_bytes(env, vz_depthwise_pack_bytes(env->kernels, &s), 4);
  vz_depthwise_pack_f32(env->kernels, &s, w, scale, packed);
  vz_exec exec = exec_of(env, threads, 0);
  vz_depthwise_f32(&exec, &s, x, packed, &e, y);
  vz_pool_destroy(exec.pool);
  expect(env, &s, conv_sum, x, w, scale, &e, y, false);
}

CHECK_KERNEL(winograd_in_f32) {
  size_t channels = check_size(env, 70), step = (channels + 15) / 16 * 16 + check_range(env, 0, 3);
  vz_winograd_in tile = {.channels = channels, .v_step = step};
  for (size_t t = 0; t < VZ_WINOGRAD_TAPS; t++) tile.pixels[t] = check_f32(env, channels);
  float *got = check_f32_raw(env, VZ_WINOGRAD_TAPS * step), *want = check_f32_raw(env, VZ_WINOGRAD_TAPS * step);
  check_note(env, "channels=%zu step=%zu", channels, step);
  tile.v = got;
  env->kernels->winograd_in_f32(&tile);
  tile.v = want;
  env->reference->winograd_in_f32(&tile);
  for (size_t t = 0; t < VZ_WINOGRAD_TAPS; t++) check_near(env, channels, got + t * step, want + t * step, 2e-5, 0);
}

CHECK_KERNEL(winograd_out_f32) {
  size_t n = check_size(env, 70), step = (n + 15) / 16 * 16 + check_range(env, 0, 3);
  vz_winograd_out tile = {.n = n, .rows = check_range(env, 1, 4), .cols = check_range(env, 1, 4), .m_step = step};
  tile.m = check_f32(env, VZ_WINOGRAD_TAPS * step);
  vz_epilogue e = check_epilogue(env, n);
  tile.bias = e.bias;
  tile.low = -INFINITY, tile.high = INFINITY;
  if (!vz_act_is_clamp(&e.act, &tile.low, &tile.high)) tile.act = &e.act;
  tile.residual_col = n;
  tile.residual_row = 4 * n;
  if (check_random(env) % 2) tile.residual = check_f32(env, 3 * tile.residual_row + 4 * n);
  tile.residual_after = tile.residual && check_random(env) % 4 == 0;
  tile.y_col = n + check_range(env, 0, 2);
  tile.y_row = 4 * tile.y_col + check_range(env, 0, 2);
  check_note(env, "n=%zu rows=%zu cols=%zu act=%d residual=%d", n, tile.rows, tile.cols, e.act.kind,
             tile.residual != NULL);
  size_t count = (tile.rows - 1) * tile.y_row + (tile.cols - 1) * tile.y_col + n;
  float *got = check_f32(env, count), *want = check_copy(env, count * sizeof *want, got);
  tile.y = got;
  env->kernels->winograd_out_f32(&tile);
  tile.y = want;
  env->reference->winograd_out_f32(&tile);
  check_near(env, count, got, want, 3e-4, 2e-5);
}

CHECK_KERNEL(winograd_weights_f32) {
  size_t count = check_size(env, 64), step = count + check_range(env, 0, 3), g_step = 9 * check_range(env, 1, 5);
  vz_winograd_weights filters = {.count = count, .g = check_f32(env, (count - 1) * g_step + 9), .g_step = g_step,
                                 .u_step = step};
  if (check_random(env) % 2) filters.scale = check_f32(env, count);
  size_t size = (VZ_WINOGRAD_TAPS - 1) * step + count;
  float *got = check_f32(env, size), *want = check_copy(env, size * sizeof *want, got);
  check_note(env, "count=%zu step=%zu scaled=%d", count, g_step, filters.scale != NULL);
  filters.u = got;
  env->kernels->winograd_weights_f32(&filters);
  filters.u = want;
  env->reference->winograd_weights_f32(&filters);
  check_near(env, size, got, want, 1e-7, 1e-6);
}

CHECK_KERNEL(strip_f32) {
  vz_strip s = {.channels = check_size(env, 200), .pixels = check_range(env, 1, 11)};
  const float *rows[4];
  s.rows = check_range(env, 0, 4);
  s.cols = check_range(env, 1, 4);
  s.x_col = s.channels + check_range(env, 0, 2);
  s.x_step = s.x_col * check_range(env, 1, 2);
  s.w_col = s.channels;
  s.w_row = s.channels * s.cols;
  s.y_step = s.channels + check_range(env, 0, 2);
  s.residual_step = s.channels;
  vz_epilogue e = check_epilogue(env, s.channels);
  s.bias = e.bias;
  s.low = -INFINITY, s.high = INFINITY;
  if (e.act.kind == VZ_ACT_RELU) s.low = 0;
  if (e.act.kind == VZ_ACT_CLIP) s.low = -0.25f, s.high = 0.75f;
  if (e.act.kind > VZ_ACT_CLIP) s.act = &e.act;
  if (check_random(env) % 2) s.residual = check_f32(env, s.channels * s.pixels);
  s.residual_after = check_random(env) % 4 == 0;
  check_note(env, "channels=%zu pixels=%zu rows=%zu cols=%zu act=%d residual=%d", s.channels, s.pixels, s.rows, s.cols,
             e.act.kind, s.residual != NULL);
  if (s.rows) {
    s.x_first = check_range(env, 0, 3);
    for (size_t t = 0; t < s.rows; t++) {
      rows[t] = check_f32(env, s.x_first + (s.cols - 1) * s.x_col + (s.pixels - 1) * s.x_step + s.channels);
    }
    s.x = rows;
    s.w = check_f32(env, s.rows * s.w_row);
  }
  size_t count = (s.pixels - 1) * s.y_step + s.channels;
  float *got = check_f32(env, count), *want = check_copy(env, count * sizeof *want, got);
  s.y = got;
  env->kernels->strip_f32(&s);
  s.y = want;
  env->reference->strip_f32(&s);
  check_near(env, count, got, want, 4e-6, 2e-6);
}

/* -- speed --------------------------------------------------------------------------------------------------------- */

/* A square k x k layer, "same" padding. Packed weights rotate through `copies`, to meet them cold. */
static void bench_conv(check_env *env, size_t in_c, size_t out_c, size_t size, size_t kernel, size_t stride,
                       size_t copies, vz_conv_algorithm algorithm) {
  vz_conv_shape s = {.batch = 1,
                     .in_h = size,
                     .in_w = size,
                     .in_c = in_c,
                     .out_h = (size + stride - 1) / stride,
                     .out_c = out_c,
                     .kernel_h = kernel,
                     .kernel_w = kernel,
                     .stride_h = stride,
                     .stride_w = stride,
                     .dilation_h = 1,
                     .dilation_w = 1,
                     .pad_top = (ptrdiff_t)kernel / 2,
                     .pad_left = (ptrdiff_t)kernel / 2,
                     .groups = 1};
  s.out_w = s.out_h;
  vz_conv_shape_dense(&s);
  float *x = check_f32(env, in_floats(&s)), *w = check_f32(env, weight_floats(&s)), *y = check_f32(env, out_floats(&s));
  float *residual = check_f32(env, out_floats(&s)), *bias = check_f32(env, out_c);
  vz_epilogue e = {.bias = bias, .residual = residual, .residual_ld = out_c, .act = {.kind = VZ_ACT_RELU}};
  size_t bytes = (vz_conv_pack_bytes(env->kernels, &s, algorithm) + 63) / 64 * 64;
  char *packed = check_aligned(env, bytes * copies);
  for (size_t i = 0; i < copies; i++) {
    vz_conv_pack_f32(env->kernels, &s, algorithm, w, NULL, packed + i * bytes);
  }
  vz_exec exec = exec_of(env, 1, vz_conv_scratch_bytes(&s, 1));
  char label[64];
  snprintf(label, sizeof label, "%zux%zu/%zu %zu-%zu @%zu%s%s", kernel, kernel, stride, in_c, out_c, size,
           copies > 1 ? " cold" : "",
           algorithm == VZ_CONV_WINOGRAD ? " transformed" : "");
  size_t next = 0;
  double work = 2.0 * (double)(s.out_h * s.out_w * out_c) * (double)(in_c * kernel * kernel);
  CHECK_TIME(env, label, work) {
    vz_conv_f32(&exec, &s, x, packed + next * bytes, &e, y);
    next = (next + 1) % copies;
  }
}

static void bench_conv_pack(check_env *env, size_t in_c, size_t out_c, size_t kernel) {
  vz_conv_shape s = {.in_c = in_c,
                     .out_c = out_c,
                     .kernel_h = kernel,
                     .kernel_w = kernel,
                     .stride_h = 1,
                     .stride_w = 1,
                     .dilation_h = 1,
                     .dilation_w = 1,
                     .groups = 1};
  float *w = check_f32(env, weight_floats(&s));
  void *packed = check_aligned(env, vz_conv_pack_bytes(env->kernels, &s, VZ_CONV_AUTO));
  char label[64];
  snprintf(label, sizeof label, "pack %zux%zu %zu-%zu", kernel, kernel, in_c, out_c);
  CHECK_TIME(env, label, 4.0 * (double)weight_floats(&s)) {
    vz_conv_pack_f32(env->kernels, &s, VZ_CONV_AUTO, w, NULL, packed);
  }
}

static void bench_transpose(check_env *env, size_t in_c, size_t out_c, size_t size, size_t kernel) {
  vz_conv_shape s = {.batch = 1,
                     .in_h = size,
                     .in_w = size,
                     .in_c = in_c,
                     .out_h = 2 * size,
                     .out_w = 2 * size,
                     .out_c = out_c,
                     .kernel_h = kernel,
                     .kernel_w = kernel,
                     .stride_h = 2,
                     .stride_w = 2,
                     .dilation_h = 1,
                     .dilation_w = 1,
                     .pad_top = 1,
                     .pad_left = 1,
                     .groups = 1};
  vz_conv_shape_dense(&s);
  float *x = check_f32(env, in_floats(&s)), *w = check_f32(env, weight_floats(&s)), *y = check_f32(env, out_floats(&s));
  void *packed = check_aligned(env, vz_conv_transpose_pack_bytes(env->kernels, &s));
  vz_conv_transpose_pack_f32(env->kernels, &s, w, NULL, packed);
  vz_exec exec = exec_of(env, 1, vz_conv_transpose_scratch_bytes(&s, 1));
  vz_epilogue e = {.act = {.kind = VZ_ACT_RELU}};
  char label[64];
  snprintf(label, sizeof label, "%zux%zu/2 %zu-%zu @%zu", kernel, kernel, in_c, out_c, size);
  double work = 2.0 * (double)(size * size * in_c) * (double)(out_c * kernel * kernel);
  CHECK_TIME(env, label, work) vz_conv_transpose_f32(&exec, &s, x, packed, &e, y);
}

static void bench_depthwise(check_env *env, size_t c, size_t size, size_t stride) {
  vz_conv_shape s = {.batch = 1,
                     .in_h = size,
                     .in_w = size,
                     .in_c = c,
                     .out_h = size / stride,
                     .out_w = size / stride,
                     .out_c = c,
                     .kernel_h = 3,
                     .kernel_w = 3,
                     .stride_h = stride,
                     .stride_w = stride,
                     .dilation_h = 1,
                     .dilation_w = 1,
                     .pad_top = 1,
                     .pad_left = 1,
                     .groups = c};
  vz_conv_shape_dense(&s);
  float *x = check_f32(env, in_floats(&s)), *w = check_f32(env, weight_floats(&s)), *y = check_f32(env, out_floats(&s));
  void *packed = check_aligned(env, vz_depthwise_pack_bytes(env->kernels, &s));
  vz_depthwise_pack_f32(env->kernels, &s, w, NULL, packed);
  vz_exec exec = {.kernels = env->kernels};
  vz_epilogue e = {.act = {.kind = VZ_ACT_RELU}};
  char label[64];
  snprintf(label, sizeof label, "3x3/%zu %zu @%zu", stride, c, size);
  CHECK_TIME(env, label, 18.0 * (double)(s.out_h * s.out_w * c)) vz_depthwise_f32(&exec, &s, x, packed, &e, y);
}

BENCH_DRIVER(depthwise) {
  bench_depthwise(env, 64, 160, 1);
  bench_depthwise(env, 256, 40, 1);
  bench_depthwise(env, 1024, 10, 1);
  bench_depthwise(env, 96, 80, 2);
}

BENCH_DRIVER(conv) {
  if (env->level == VZ_CPU_SCALAR || env->level == VZ_CPU_AVX512VNNI) return;
  bench_conv_pack(env, 512, 512, 3);
  bench_conv(env, 64, 64, 96, 3, 1, 1, VZ_CONV_AUTO);
  bench_conv(env, 128, 128, 48, 3, 1, 1, VZ_CONV_AUTO);
  bench_conv(env, 256, 256, 24, 3, 1, 16, VZ_CONV_AUTO);
  bench_conv(env, 384, 384, 12, 3, 1, 8, VZ_CONV_AUTO);
  bench_conv(env, 512, 512, 6, 3, 1, 5, VZ_CONV_AUTO);
  bench_conv(env, 512, 512, 3, 3, 1, 5, VZ_CONV_AUTO);
  bench_conv(env, 128, 128, 80, 1, 1, 1, VZ_CONV_AUTO);
  bench_conv(env, 512, 512, 10, 1, 1, 40, VZ_CONV_AUTO);
  bench_conv(env, 32, 64, 96, 3, 2, 1, VZ_CONV_AUTO);
  bench_conv(env, 6, 16, 96, 7, 1, 1, VZ_CONV_AUTO);
  bench_conv(env, 3, 64, 160, 3, 2, 1, VZ_CONV_AUTO);
  bench_conv(env, 1, 32, 80, 3, 1, 1, VZ_CONV_AUTO);
  bench_conv(env, 32, 3, 96, 1, 1, 1, VZ_CONV_AUTO);
  bench_conv(env, 16, 32, 96, 3, 1, 1, VZ_CONV_AUTO);
}

/* Both ways, where the choice matters. */
BENCH_DRIVER(winograd) {
  if (env->level == VZ_CPU_SCALAR || env->level == VZ_CPU_AVX512VNNI) return;
  static const size_t layers[][4] = {{16, 16, 96, 1},   {32, 32, 48, 1},  {64, 64, 96, 1},  {128, 64, 64, 1},
                                     {128, 128, 48, 1}, {256, 256, 24, 6}, {256, 256, 64, 1}, {384, 384, 12, 4},
                                     {256, 256, 6, 8},  {512, 512, 6, 4}};
  for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
    bench_conv(env, layers[i][0], layers[i][1], layers[i][2], 3, 1, layers[i][3], VZ_CONV_DIRECT);
    bench_conv(env, layers[i][0], layers[i][1], layers[i][2], 3, 1, layers[i][3], VZ_CONV_WINOGRAD);
  }
}

BENCH_DRIVER(conv_transpose) {
  if (env->level == VZ_CPU_SCALAR || env->level == VZ_CPU_AVX512VNNI) return;
  bench_transpose(env, 128, 64, 48, 3);
  bench_transpose(env, 256, 128, 24, 4);
}
