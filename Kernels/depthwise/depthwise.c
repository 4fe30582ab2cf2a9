#include "depthwise.h"
#include <assert.h>
#include <math.h>

enum { TASK_PRODUCTS = 1 << 17 };

typedef struct job {
  const vz_exec *exec;
  const vz_conv_shape *shape;
  const float *x, *w; /* w: [kernel_h][kernel_w][C] */
  const vz_epilogue *epilogue;
  float *y;
  vz_strip strip; /* what all strips have in common */
  size_t residual_row, residual_batch;
} job;

/* The output columns ..< count that see all their taps inside. */
static vz_taps whole_columns(const vz_conv_shape *s) {
  ptrdiff_t stride = (ptrdiff_t)s->stride_w, reach = (ptrdiff_t)((s->kernel_w - 1) * s->dilation_w);
  ptrdiff_t first = s->pad_left > 0 ? (s->pad_left + stride - 1) / stride : 0;
  ptrdiff_t last = (ptrdiff_t)s->in_w - 1 - reach + s->pad_left;
  ptrdiff_t end = last < 0 ? 0 : last / stride + 1;
  if (end > (ptrdiff_t)s->out_w) end = (ptrdiff_t)s->out_w;
  if (first > (ptrdiff_t)s->out_w) first = (ptrdiff_t)s->out_w;
  return (vz_taps){(size_t)first, end > first ? (size_t)(end - first) : 0};
}

vz_taps vz_taps_inside(ptrdiff_t start, size_t dilation, size_t kernel, size_t limit) {
  vz_taps r = {0, 0};
  ptrdiff_t d = (ptrdiff_t)dilation, end = (ptrdiff_t)limit;
  while (r.first < kernel && start + (ptrdiff_t)r.first * d < 0) r.first++;
  while (r.first + r.count < kernel && start + (ptrdiff_t)(r.first + r.count) * d < end) r.count++;
  return r;
}

/* `count` pixels from column ox, which all have the taps `tx` of a row inside. */
static void run_strip(const vz_kernels *kernels, const vz_conv_shape *s, const vz_strip *row, size_t ox, size_t count,
                      vz_taps tx) {
  vz_strip strip = *row;
  strip.pixels = count;
  strip.cols = tx.count;
  if (tx.count == 0) strip.rows = 0;
  ptrdiff_t x = (ptrdiff_t)(ox * s->stride_w + tx.first * s->dilation_w) - s->pad_left;
  strip.x_first = strip.rows ? (size_t)x * s->in_ld : 0;
  strip.w += tx.first * strip.w_col;
  strip.y += ox * strip.y_step;
  if (strip.residual) strip.residual += ox * strip.residual_step;
  kernels->strip_f32(&strip);
}

void vz_depthwise_row(const vz_kernels *kernels, const vz_conv_shape *s, const vz_strip *row) {
  vz_taps whole = whole_columns(s);
  for (size_t ox = 0; ox < s->out_w;) {
    if (ox == whole.first && whole.count) {
      run_strip(kernels, s, row, ox, whole.count, (vz_taps){0, s->kernel_w});
      ox += whole.count;
      continue;
    }
    ptrdiff_t start = (ptrdiff_t)(ox * s->stride_w) - s->pad_left;
    run_strip(kernels, s, row, ox, 1, vz_taps_inside(start, s->dilation_w, s->kernel_w, s->in_w));
    ox++;
  }
}

static void run_rows(void *context, size_t begin, size_t end, unsigned worker) {
  (void)worker;
  const job *j = context;
  const vz_conv_shape *s = j->shape;
  for (size_t item = begin; item < end; item++) {
    size_t b = item / s->out_h, oy = item % s->out_h;
    ptrdiff_t top = (ptrdiff_t)(oy * s->stride_h) - s->pad_top;
    vz_taps ty = vz_taps_inside(top, s->dilation_h, s->kernel_h, s->in_h);
    const float *rows[VZ_DEPTHWISE_ROWS];
    for (size_t t = 0; t < ty.count; t++) {
      size_t y = (size_t)(top + (ptrdiff_t)((ty.first + t) * s->dilation_h));
      rows[t] = j->x + b * s->in_batch + y * s->in_row;
    }
    vz_strip row = j->strip;
    row.x = rows;
    row.rows = ty.count;
    row.w = j->w + ty.first * row.w_row;
    row.y = j->y + b * s->out_batch + oy * s->out_row;
    if (row.residual) row.residual += b * j->residual_batch + oy * j->residual_row;
    vz_depthwise_row(j->exec->kernels, s, &row);
  }
}

vz_strip vz_depthwise_strip(const vz_conv_shape *s, const vz_epilogue *e) {
  vz_strip strip = {.channels = s->in_c,
                    .x_col = s->dilation_w * s->in_ld,
                    .x_step = s->stride_w * s->in_ld,
                    .w_row = s->kernel_w * s->in_c,
                    .w_col = s->in_c,
                    .y_step = s->out_ld,
                    .low = -INFINITY,
                    .high = INFINITY};
  if (!e) return strip;
  strip.bias = e->bias;
  if (!vz_act_is_clamp(&e->act, &strip.low, &strip.high)) strip.act = &e->act;
  return strip;
}

static void set_residual(job *j, const vz_epilogue *e) {
  vz_strip *strip = &j->strip;
  if (!e) return;
  strip->residual = e->residual;
  strip->residual_step = e->residual_ld;
  strip->residual_after = e->residual && e->residual_after;
  j->residual_row = e->residual_row ? e->residual_row : e->residual_ld * j->shape->out_w;
  j->residual_batch = e->residual_batch ? e->residual_batch : j->residual_row * j->shape->out_h;
}

void vz_depthwise_f32(const vz_exec *exec, const vz_conv_shape *s, const float *x, const void *packed,
                      const vz_epilogue *epilogue, float *y) {
  assert(s->groups == s->in_c && s->in_c == s->out_c && s->kernel_h <= VZ_DEPTHWISE_ROWS);
  if (s->in_c == 0) return;
  job j = {.exec = exec, .shape = s, .x = x, .w = packed, .epilogue = epilogue, .y = y};
  j.strip = vz_depthwise_strip(s, epilogue);
  set_residual(&j, epilogue);
  size_t row_products = s->out_w * s->in_c * s->kernel_h * s->kernel_w + 1;
  vz_pool_run(exec->pool, s->batch * s->out_h, TASK_PRODUCTS / row_products + 1, run_rows, &j);
}

size_t vz_depthwise_pack_bytes(const vz_kernels *kernels, const vz_conv_shape *s) {
  (void)kernels;
  return s->in_c * s->kernel_h * s->kernel_w * sizeof(float);
}

void vz_depthwise_pack_f32(const vz_kernels *kernels, const vz_conv_shape *s, const float *w, const float *scale,
                           void *packed) {
  (void)kernels;
  float *to = packed;
  size_t taps = s->kernel_h * s->kernel_w;
  for (size_t tap = 0; tap < taps; tap++) {
    for (size_t c = 0; c < s->in_c; c++) *to++ = scale ? w[c * taps + tap] * scale[c] : w[c * taps + tap];
  }
}
