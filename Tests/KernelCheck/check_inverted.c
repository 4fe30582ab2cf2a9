#include "check_driver.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

vz_epilogue check_epilogue(check_env *env, size_t n);

/* Two linear tables along an axis. */
static vz_resize_axis random_axis(check_env *env, size_t out) {
  vz_resize_axis a = {.in = check_range(env, 1, 6), .out = out, .taps = check_range(env, 1, VZ_INVERTED_TAPS)};
  int32_t *index = check_bytes(env, out * a.taps * sizeof *index, 4);
  for (size_t i = 0; i < out * a.taps; i++) index[i] = (int32_t)check_range(env, 0, a.in - 1);
  a.index = index;
  if (a.taps > 1 || check_random(env) % 2) a.weight = check_f32(env, out * a.taps);
  return a;
}

static double resampled(const vz_inverted *p, const float *low, size_t b, size_t i, size_t j, size_t c) {
  const vz_resize_axis *h = &p->up_h, *w = &p->up_w;
  double sum = 0;
  for (size_t t = 0; t < h->taps; t++) {
    for (size_t u = 0; u < w->taps; u++) {
      size_t y = (size_t)h->index[i * h->taps + t], x = (size_t)w->index[j * w->taps + u];
      double weight = (h->weight ? (double)h->weight[i * h->taps + t] : 1) * (w->weight ? (double)w->weight[j * w->taps + u] : 1);
      sum += weight * (double)low[((b * h->in + y) * w->in + x) * p->middle.in_c + c];
    }
  }
  return sum;
}

/* The block by its definition: each value between is rounded to float once. */
static void by_definition(const vz_inverted *p, const float *x, const float *w1, const float *w2, const float *w3,
                          const float *low, const vz_epilogue *e, float *y) {
  const vz_conv_shape *s = &p->middle;
  size_t hidden = s->in_c, pixels = s->batch * s->in_h * s->in_w;
  float *h = calloc(pixels * hidden, sizeof *h), *d = calloc(hidden, sizeof *d);
  for (size_t at = 0; at < pixels; at++) {
    for (size_t c = 0; c < hidden; c++) {
      double sum = p->bias1 ? p->bias1[c] : 0;
      for (size_t i = 0; i < p->in_c; i++) sum += (double)x[at * p->in_ld + i] * (double)w1[i * hidden + c];
      if (low) sum += resampled(p, low, at / s->in_w / s->in_h, at / s->in_w % s->in_h, at % s->in_w, c);
      h[at * hidden + c] = (float)sum;
    }
    vz_activate_f32_scalar(1, hidden, &p->act1, h + at * hidden, hidden);
  }
  for (size_t at = 0; at < s->batch * s->out_h * s->out_w; at++) {
    size_t b = at / s->out_w / s->out_h, oy = at / s->out_w % s->out_h, ox = at % s->out_w;
    for (size_t c = 0; c < hidden; c++) {
      double sum = p->bias2 ? p->bias2[c] : 0;
      for (size_t k = 0; k < s->kernel_h * s->kernel_w; k++) {
        ptrdiff_t iy = (ptrdiff_t)(oy * s->stride_h + k / s->kernel_w * s->dilation_h) - s->pad_top;
        ptrdiff_t ix = (ptrdiff_t)(ox * s->stride_w + k % s->kernel_w * s->dilation_w) - s->pad_left;
        if (iy < 0 || ix < 0 || iy >= (ptrdiff_t)s->in_h || ix >= (ptrdiff_t)s->in_w) continue;
        size_t from = (b * s->in_h + (size_t)iy) * s->in_w + (size_t)ix;
        sum += (double)h[from * hidden + c] * (double)w2[c * s->kernel_h * s->kernel_w + k];
      }
      d[c] = (float)sum;
    }
    vz_activate_f32_scalar(1, hidden, &p->act2, d, hidden);
    for (size_t n = 0; n < p->out_c; n++) {
      double sum = e->bias ? e->bias[n] : 0;
      for (size_t c = 0; c < hidden; c++) sum += (double)d[c] * (double)w3[c * p->out_c + n];
      float residual = e->residual ? e->residual[at * e->residual_ld + n] : 0;
      float value = e->residual_after ? (float)sum : (float)(sum + (double)residual);
      vz_act act = e->act;
      if (act.slope) act.slope += n;
      vz_activate_f32_scalar(1, 1, &act, &value, 1);
      y[at * p->out_ld + n] = e->residual_after ? value + residual : value;
    }
  }
  free(h);
  free(d);
}

static size_t outputs(check_env *env, size_t in, size_t reach, size_t pad, size_t stride) {
  size_t span = in + pad > reach ? in + pad - reach : 0;
  return span / stride + 1 + check_range(env, 0, 1);
}

CHECK_DRIVER(inverted) {
  vz_inverted p = {0};
  vz_conv_shape *s = &p.middle;
  s->batch = check_range(env, 1, 2);
  s->in_h = check_range(env, 1, 19);
  s->in_w = check_random(env) % 2 ? check_range(env, 1, 15) : check_range(env, 60, 70);
  s->kernel_h = check_range(env, 1, 4);
  s->kernel_w = check_range(env, 1, 4);
  s->stride_h = check_range(env, 1, 3);
  s->stride_w = check_range(env, 1, 2);
  s->dilation_h = check_range(env, 1, 2);
  s->dilation_w = check_range(env, 1, 2);
  s->pad_top = (ptrdiff_t)check_range(env, 0, 3);
  s->pad_left = (ptrdiff_t)check_range(env, 0, 3);
  s->out_h = outputs(env, s->in_h, (s->kernel_h - 1) * s->dilation_h + 1, 2 * (size_t)s->pad_top, s->stride_h);
  s->out_w = outputs(env, s->in_w, (s->kernel_w - 1) * s->dilation_w + 1, 2 * (size_t)s->pad_left, s->stride_w);
  size_t hidden = s->in_c = s->out_c = s->groups = check_size(env, 70);
  p.in_c = check_size(env, 40);
  p.in_ld = p.in_c + check_range(env, 0, 2);
  p.out_c = check_size(env, 40);
  p.out_ld = p.out_c + check_range(env, 0, 2);
  bool has_low = check_random(env) % 2;
  unsigned threads = (unsigned)check_range(env, 1, 3);
  check_note(env, "batch=%zu in=%zux%zux%zu hidden=%zu out=%zux%zux%zu kernel=%zux%zu stride=%zux%zu low=%d threads=%u",
             s->batch, s->in_h, s->in_w, p.in_c, hidden, s->out_h, s->out_w, p.out_c, s->kernel_h, s->kernel_w,
             s->stride_h, s->stride_w, has_low, threads);

  float *x = check_f32(env, (s->batch * s->in_h * s->in_w - 1) * p.in_ld + p.in_c);
  float *w1 = check_f32(env, p.in_c * hidden), *w2 = check_f32(env, hidden * s->kernel_h * s->kernel_w),
        *w3 = check_f32(env, hidden * p.out_c);
  vz_epilogue e1 = check_epilogue(env, hidden), e2 = check_epilogue(env, hidden), e3 = check_epilogue(env, p.out_c);
  p.bias1 = e1.bias, p.act1 = e1.act;
  p.bias2 = e2.bias, p.act2 = e2.act;
  size_t pixels = s->batch * s->out_h * s->out_w;
  if (check_random(env) % 2) {
    e3.residual_ld = p.out_c + check_range(env, 0, 2);
    e3.residual = check_f32(env, (pixels - 1) * e3.residual_ld + p.out_c);
    e3.residual_after = check_random(env) % 2;
  }
  float *low = NULL;
  if (has_low) {
    p.up_h = random_axis(env, s->in_h);
    p.up_w = random_axis(env, s->in_w);
    low = check_f32(env, s->batch * p.up_h.in * p.up_w.in * hidden);
  }
  void *packed1 = check_aligned(env, vz_gemm_pack_b_bytes(env->kernels, p.in_c, hidden)),
       *packed2 = check_aligned(env, vz_depthwise_pack_bytes(env->kernels, s)),
       *packed3 = check_aligned(env, vz_gemm_pack_b_bytes(env->kernels, hidden, p.out_c));
  vz_gemm_pack_b_f32(env->kernels, p.in_c, hidden, w1, hidden, 1, packed1);
  vz_depthwise_pack_f32(env->kernels, s, w2, NULL, packed2);
  vz_gemm_pack_b_f32(env->kernels, hidden, p.out_c, w3, p.out_c, 1, packed3);
  p.w1 = packed1, p.w2 = packed2, p.w3 = packed3;

  size_t count = (pixels - 1) * p.out_ld + p.out_c;
  float *got = check_f32(env, count), *want = check_copy(env, count * sizeof *want, got);
  by_definition(&p, x, w1, w2, w3, low, &e3, want);
  size_t bytes = vz_inverted_scratch_bytes(&p, has_low, threads);
  vz_exec exec = {.kernels = env->kernels,
                  .pool = vz_pool_create(threads),
                  .scratch = check_aligned(env, bytes),
                  .scratch_bytes = bytes};
  vz_inverted_f32(&exec, &p, x, low, &e3, got);
  vz_pool_destroy(exec.pool);
  check_near(env, count, got, want, 4e-4, 1e-4);
}

BENCH_DRIVER(inverted) {
  static const size_t sizes[][4] = {{160, 32, 64, 32}, {160, 32, 192, 32}, {80, 64, 384, 64}, {40, 128, 256, 128}};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    size_t size = sizes[i][0], in = sizes[i][1], hidden = sizes[i][2], out = sizes[i][3];
    vz_inverted p = {.middle = {.batch = 1, .in_h = size, .in_w = size, .out_h = size, .out_w = size, .in_c = hidden,
                                .out_c = hidden, .groups = hidden, .kernel_h = 3, .kernel_w = 3, .stride_h = 1,
                                .stride_w = 1, .dilation_h = 1, .dilation_w = 1, .pad_top = 1, .pad_left = 1},
                     .in_c = in, .in_ld = in, .out_c = out, .out_ld = out, .act1 = {.kind = VZ_ACT_RELU},
                     .act2 = {.kind = VZ_ACT_RELU}};
    float *w = check_f32(env, hidden * (in + out + 9));
    void *packed1 = check_aligned(env, vz_gemm_pack_b_bytes(env->kernels, in, hidden)),
         *packed2 = check_aligned(env, vz_depthwise_pack_bytes(env->kernels, &p.middle)),
         *packed3 = check_aligned(env, vz_gemm_pack_b_bytes(env->kernels, hidden, out));
    vz_gemm_pack_b_f32(env->kernels, in, hidden, w, hidden, 1, packed1);
    vz_depthwise_pack_f32(env->kernels, &p.middle, w, NULL, packed2);
    vz_gemm_pack_b_f32(env->kernels, hidden, out, w, out, 1, packed3);
    p.w1 = packed1, p.w2 = packed2, p.w3 = packed3;
    float *x = check_f32(env, size * size * in), *y = check_f32(env, size * size * out);
    size_t bytes = vz_inverted_scratch_bytes(&p, false, 1);
    vz_exec exec = {.kernels = env->kernels, .scratch = check_aligned(env, bytes), .scratch_bytes = bytes};
    char label[64];
    snprintf(label, sizeof label, "%zux%zu %zu-%zu-%zu", size, size, in, hidden, out);
    CHECK_TIME(env, label, 2.0 * (double)(size * size * hidden * (in + out + 9))) {
      vz_inverted_f32(&exec, &p, x, NULL, NULL, y);
    }
  }
}
