#include "vz_pooling.h"
#include <math.h>

enum {
  TAPS_MAX = 256, /* larger windows are walked one output at a time */
  TASK_READS = 1 << 16,
};

typedef enum pool_kind { POOL_MAX, POOL_AVERAGE, POOL_LP } pool_kind;

typedef struct plan {
  const vz_exec *exec;
  const vz_pooling *shape;
  pool_kind kind;
  float power;
  const float *x;
  float *y;
  int64_t *index;
  bool column_major;
} plan;

/* The part [first, last) of a window along one axis that lies inside the input, in kernel steps. */
typedef struct span {
  ptrdiff_t start; /* input position of kernel step 0; may be negative */
  size_t first, last;
  size_t padded; /* steps inside the padded input */
} span;

static span window(const vz_pooling *s, size_t axis, size_t out) {
  span w = {.start = (ptrdiff_t)(out * s->stride[axis]) - (ptrdiff_t)s->pad_before[axis]};
  ptrdiff_t in = (ptrdiff_t)s->in[axis], end = in + (ptrdiff_t)s->pad_after[axis];
  w.first = s->kernel[axis];
  for (size_t k = 0; k < s->kernel[axis]; k++) {
    ptrdiff_t at = w.start + (ptrdiff_t)(k * s->dilation[axis]);
    if (at >= 0 && at < in) {
      if (w.first == s->kernel[axis]) w.first = k;
      w.last = k + 1;
    }
    w.padded += at < end;
  }
  if (w.last == 0) w.first = 0;
  return w;
}

static size_t covered(span w) { return w.last - w.first; }

static float divisor(const vz_pooling *s, span d, span h, span w) {
  if (s->count_include_pad) return (float)(d.padded * h.padded * w.padded);
  return (float)(covered(d) * covered(h) * covered(w));
}

/* ---- one output at a time: any strides, any size ---- */

static void pool_one(const plan *p, size_t n, size_t c, const size_t out[3]) {
  const vz_pooling *s = p->shape;
  span w[3] = {window(s, 0, out[0]), window(s, 1, out[1]), window(s, 2, out[2])};
  const float *x = p->x + (ptrdiff_t)n * s->x_batch + (ptrdiff_t)c * s->x_channel;
  float top = -INFINITY;
  double sum = 0;
  int64_t best = -1;
  for (size_t i = w[0].first; i < w[0].last; i++)
    for (size_t j = w[1].first; j < w[1].last; j++)
      for (size_t k = w[2].first; k < w[2].last; k++) {
        ptrdiff_t d = w[0].start + (ptrdiff_t)(i * s->dilation[0]), h = w[1].start + (ptrdiff_t)(j * s->dilation[1]);
        ptrdiff_t v = w[2].start + (ptrdiff_t)(k * s->dilation[2]);
        float value = x[d * s->x_axis[0] + h * s->x_axis[1] + v * s->x_axis[2]];
        sum += p->kind == POOL_LP ? pow(fabs((double)value), p->power) : value;
        if (best >= 0 && !(value > top || (isnan(value) && !isnan(top)))) continue;
        top = value;
        ptrdiff_t plane = (ptrdiff_t)(s->in[1] * s->in[2]);
        ptrdiff_t cell = p->column_major ? v * (ptrdiff_t)s->in[1] + h : h * (ptrdiff_t)s->in[2] + v;
        best = (int64_t)((ptrdiff_t)((n * s->channels + c) * s->in[0]) * plane + d * plane + cell);
      }
  float count = divisor(s, w[0], w[1], w[2]);
  float average = count > 0 ? (float)(sum / count) : 0;
  float result = p->kind == POOL_MAX ? top : p->kind == POOL_AVERAGE ? average : (float)pow(sum, 1.0 / p->power);
  p->y[(ptrdiff_t)n * s->y_batch + (ptrdiff_t)c * s->y_channel + (ptrdiff_t)out[0] * s->y_axis[0] +
       (ptrdiff_t)out[1] * s->y_axis[1] + (ptrdiff_t)out[2] * s->y_axis[2]] = result;
  if (p->index)
    p->index[(((n * s->channels + c) * s->out[0] + out[0]) * s->out[1] + out[1]) * s->out[2] + out[2]] = best;
}

/* Items are output rows of one channel. */
static void pool_rows_slowly(void *context, size_t begin, size_t end, unsigned worker) {
  (void)worker;
  const plan *p = context;
  const vz_pooling *s = p->shape;
  for (size_t item = begin; item < end; item++) {
    size_t h = item % s->out[1], d = item / s->out[1] % s->out[0], plane = item / s->out[1] / s->out[0];
    for (size_t w = 0; w < s->out[2]; w++) pool_one(p, plane / s->channels, plane % s->channels, (size_t[3]){d, h, w});
  }
}

/* ---- many outputs that share their taps' shape ---- */

/* Reduces the taps of n outputs: output j reads x[tap offset + j step]. */
static void pool_run(const plan *p, span d, span h, span w, const float *x, size_t step, size_t n, float *y) {
  const vz_pooling *s = p->shape;
  const float *tap[TAPS_MAX];
  size_t taps = 0;
  for (size_t i = d.first; i < d.last; i++)
    for (size_t j = h.first; j < h.last; j++)
      for (size_t k = w.first; k < w.last; k++)
        tap[taps++] = x + (d.start + (ptrdiff_t)(i * s->dilation[0])) * s->x_axis[0] +
                      (h.start + (ptrdiff_t)(j * s->dilation[1])) * s->x_axis[1] +
                      (w.start + (ptrdiff_t)(k * s->dilation[2])) * s->x_axis[2];
  if (taps == 0)
    for (size_t k = 0; k < n; k++) y[k] = p->kind == POOL_MAX ? -INFINITY : 0;
  else if (p->kind == POOL_MAX)
    p->exec->kernels->pool_max_f32(taps, tap, step, n, y);
  else
    p->exec->kernels->pool_average_f32(taps, tap, step, n, divisor(s, d, h, w), y);
}

/* Items are output rows of one channel; x_axis[2] == y_axis[2] == 1. */
static void pool_plane_rows(void *context, size_t begin, size_t end, unsigned worker) {
  (void)worker;
  const plan *p = context;
  const vz_pooling *s = p->shape;
  for (size_t item = begin; item < end; item++) {
    size_t row = item % s->out[1], slice = item / s->out[1] % s->out[0], plane = item / s->out[1] / s->out[0];
    size_t n = plane / s->channels, c = plane % s->channels;
    const float *x = p->x + (ptrdiff_t)n * s->x_batch + (ptrdiff_t)c * s->x_channel;
    float *y = p->y + (ptrdiff_t)n * s->y_batch + (ptrdiff_t)c * s->y_channel + (ptrdiff_t)slice * s->y_axis[0] +
               (ptrdiff_t)row * s->y_axis[1];
    span d = window(s, 0, slice), h = window(s, 1, row);
    size_t reach = (s->kernel[2] - 1) * s->dilation[2];
    for (size_t at = 0; at < s->out[2];) {
      span w = window(s, 2, at);
      size_t whole = 1; /* outputs from `at` on whose window is not clipped */
      if (w.start >= 0 && (size_t)w.start + reach < s->in[2])
        whole = (s->in[2] - 1 - reach - (size_t)w.start) / s->stride[2] + 1;
      if (whole > s->out[2] - at) whole = s->out[2] - at;
      pool_run(p, d, h, w, x, s->stride[2], whole, y + at);
      at += whole;
    }
  }
}

/* Items are output rows of all channels; x_channel == y_channel == 1. */
static void pool_pixel_rows(void *context, size_t begin, size_t end, unsigned worker) {
  (void)worker;
  const plan *p = context;
  const vz_pooling *s = p->shape;
  for (size_t item = begin; item < end; item++) {
    size_t row = item % s->out[1], slice = item / s->out[1] % s->out[0], n = item / s->out[1] / s->out[0];
    const float *x = p->x + (ptrdiff_t)n * s->x_batch;
    float *y = p->y + (ptrdiff_t)n * s->y_batch + (ptrdiff_t)slice * s->y_axis[0] + (ptrdiff_t)row * s->y_axis[1];
    span d = window(s, 0, slice), h = window(s, 1, row);
    for (size_t at = 0; at < s->out[2]; at++)
      pool_run(p, d, h, window(s, 2, at), x, 1, s->channels, y + (ptrdiff_t)at * s->y_axis[2]);
  }
}

static void run(const plan *p) {
  const vz_pooling *s = p->shape;
  size_t taps = s->kernel[0] * s->kernel[1] * s->kernel[2], rows = s->batch * s->out[0] * s->out[1];
  if (rows * s->channels * s->out[2] == 0) return;
  size_t row_reads = taps * s->out[2] + 1;
  bool fast = taps <= TAPS_MAX && p->kind != POOL_LP && !p->index;
  if (fast && s->x_channel == 1 && s->y_channel == 1 && (s->channels >= 4 || s->x_axis[2] != 1)) {
    vz_pool_run(p->exec->pool, rows, TASK_READS / (row_reads * s->channels) + 1, pool_pixel_rows, (void *)p);
    return;
  }
  bool planes = fast && s->x_axis[2] == 1 && s->y_axis[2] == 1;
  vz_pool_run(p->exec->pool, rows * s->channels, TASK_READS / (planes ? 1 : 8) / row_reads + 1,
              planes ? pool_plane_rows : pool_rows_slowly, (void *)p);
}

void vz_max_pool_f32(const vz_exec *exec, const vz_pooling *shape, const float *x, float *y, int64_t *index,
                     bool column_major) {
  run(&(plan){
      .exec = exec, .shape = shape, .kind = POOL_MAX, .x = x, .y = y, .index = index, .column_major = column_major});
}

void vz_average_pool_f32(const vz_exec *exec, const vz_pooling *shape, const float *x, float *y) {
  run(&(plan){.exec = exec, .shape = shape, .kind = POOL_AVERAGE, .x = x, .y = y});
}

void vz_lp_pool_f32(const vz_exec *exec, const vz_pooling *shape, float p, const float *x, float *y) {
  run(&(plan){.exec = exec, .shape = shape, .kind = POOL_LP, .power = p, .x = x, .y = y});
}
