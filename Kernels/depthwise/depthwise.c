#include "vz_depthwise.h"
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

/* The taps of one axis that lie inside: first ..< first + count. */
typedef struct range {
  size_t first, count;
} range;

static range taps_inside(ptrdiff_t start, size_t dilation, size_t kernel, size_t limit) {
  range r = {0, 0};
  ptrdiff_t d = (ptrdiff_t)dilation, end = (ptrdiff_t)limit;
  while (r.first < kernel && start + (ptrdiff_t)r.first * d < 0) r.first++;
  while (r.first + r.count < kernel && start + (ptrdiff_t)(r.first + r.count) * d < end) r.count++;
  return r;
}

/* The output columns ..< count that see all their taps inside. */
static range whole_columns(const vz_conv_shape *s) {
  ptrdiff_t stride = (ptrdiff_t)s->stride_w, reach = (ptrdiff_t)((s->kernel_w - 1) * s->dilation_w);
  ptrdiff_t first = s->pad_left > 0 ? (s->pad_left + stride - 1) / stride : 0;
  ptrdiff_t last = (ptrdiff_t)s->in_w - 1 - reach + s->pad_left;
  ptrdiff_t end = last < 0 ? 0 : last / stride + 1;
  if (end > (ptrdiff_t)s->out_w) end = (ptrdiff_t)s->out_w;
  if (first > (ptrdiff_t)s->out_w) first = (ptrdiff_t)s->out_w;
  return (range){(size_t)first, end > first ? (size_t)(end - first) : 0};
}

/* `count` pixels of row oy of image b from column ox, which all have the taps `tx` of a row inside. */
static void run_strip(const job *j, size_t b, size_t oy, size_t ox, size_t count, range ty, range tx) {
  const vz_conv_shape *s = j->shape;
  vz_strip strip = j->strip;
  strip.pixels = count;
  strip.rows = tx.count ? ty.count : 0;
  strip.cols = tx.count;
  if (strip.rows) {
    ptrdiff_t y = (ptrdiff_t)(oy * s->stride_h + ty.first * s->dilation_h) - s->pad_top;
    ptrdiff_t x = (ptrdiff_t)(ox * s->stride_w + tx.first * s->dilation_w) - s->pad_left;
    strip.x = j->x + b * s->in_batch + (size_t)y * s->in_row + (size_t)x * s->in_ld;
    strip.w = j->w + ty.first * strip.w_row + tx.first * strip.w_col;
  }
  strip.y = j->y + b * s->out_batch + oy * s->out_row + ox * s->out_ld;
  if (strip.residual) strip.residual += b * j->residual_batch + oy * j->residual_row + ox * strip.residual_step;
  j->exec->kernels->strip_f32(&strip);
}

static void run_rows(void *context, size_t begin, size_t end, unsigned worker) {
  (void)worker;
  const job *j = context;
  const vz_conv_shape *s = j->shape;
  range whole = whole_columns(s);
  for (size_t item = begin; item < end; item++) {
    size_t b = item / s->out_h, oy = item % s->out_h;
    range ty = taps_inside((ptrdiff_t)(oy * s->stride_h) - s->pad_top, s->dilation_h, s->kernel_h, s->in_h);
    for (size_t ox = 0; ox < s->out_w;) {
      if (ox == whole.first && whole.count) {
        run_strip(j, b, oy, ox, whole.count, ty, (range){0, s->kernel_w});
        ox += whole.count;
        continue;
      }
      ptrdiff_t start = (ptrdiff_t)(ox * s->stride_w) - s->pad_left;
      run_strip(j, b, oy, ox, 1, ty, taps_inside(start, s->dilation_w, s->kernel_w, s->in_w));
      ox++;
    }
  }
}

static void set_epilogue(job *j, const vz_epilogue *e) {
  vz_strip *strip = &j->strip;
  strip->low = -INFINITY;
  strip->high = INFINITY;
  if (!e) return;
  strip->bias = e->bias;
  strip->residual = e->residual;
  strip->residual_step = e->residual_ld;
  strip->residual_after = e->residual && e->residual_after;
  j->residual_row = e->residual_row ? e->residual_row : e->residual_ld * j->shape->out_w;
  j->residual_batch = e->residual_batch ? e->residual_batch : j->residual_row * j->shape->out_h;
  if (!vz_act_is_clamp(&e->act, &strip->low, &strip->high)) strip->act = &e->act;
}

void vz_depthwise_f32(const vz_exec *exec, const vz_conv_shape *s, const float *x, const void *packed,
                      const vz_epilogue *epilogue, float *y) {
  assert(s->groups == s->in_c && s->in_c == s->out_c);
  if (s->in_c == 0) return;
  job j = {.exec = exec, .shape = s, .x = x, .w = packed, .epilogue = epilogue, .y = y};
  j.strip = (vz_strip){.channels = s->in_c,
                       .x_row = s->dilation_h * s->in_row,
                       .x_col = s->dilation_w * s->in_ld,
                       .x_step = s->stride_w * s->in_ld,
                       .w_row = s->kernel_w * s->in_c,
                       .w_col = s->in_c,
                       .y_step = s->out_ld};
  set_epilogue(&j, epilogue);
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
