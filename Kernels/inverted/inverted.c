#include "vz_inverted.h"
#include "../depthwise/depthwise.h"
#include <assert.h>

enum {
  LINE = 64,
  BATCH_PIXELS = 64, /* narrow images are computed several rows at a time, for the products' sake */
  PART_ROWS = 8,     /* rows of a task, at least: the rows above and below are computed by its neighbours too */
};

static size_t ceil_div(size_t a, size_t b) { return (a + b - 1) / b; }
static size_t lines(size_t bytes) { return ceil_div(bytes, LINE) * LINE; }

/* What a task keeps: rows of h in a ring, in which a batch of rows always lies in one piece, rows of d, rows of up(low),
   and one row of low, mixed along the height. All pixels are `ld` floats apart. */
typedef struct rows {
  size_t batch, ring, ld;            /* in rows, in rows, in floats */
  size_t h, d, up, mixed, own, bytes; /* bytes of each, of the products' scratch memory, of all */
} rows;

static rows rows_of(const vz_inverted *p, bool has_low) {
  const vz_conv_shape *s = &p->middle;
  size_t hidden = s->in_c, reach = (s->kernel_h - 1) * s->dilation_h;
  rows r = {.batch = ceil_div(BATCH_PIXELS, s->in_w)};
  if (r.batch > s->in_h) r.batch = s->in_h;
  r.ring = ceil_div(reach, r.batch) * r.batch + r.batch;
  /* Whole lines, and never a multiple of a page: rows of a tile would compete for the same cache sets. */
  r.ld = ceil_div(hidden, 16) * 16;
  if (r.ld % 1024 == 0) r.ld += 16;
  r.h = r.ring * s->in_w * r.ld * sizeof(float);
  r.d = r.batch * s->out_w * r.ld * sizeof(float);
  r.up = has_low ? r.batch * s->in_w * r.ld * sizeof(float) : 0;
  r.mixed = has_low ? lines(p->up_w.in * hidden * sizeof(float)) : 0;
  size_t first = vz_gemm_scratch_bytes(r.batch * s->in_w, hidden, p->in_c, 1);
  size_t last = vz_gemm_scratch_bytes(r.batch * s->out_w, p->out_c, hidden, 1);
  r.own = lines(first > last ? first : last);
  r.bytes = r.h + r.d + r.up + r.mixed + r.own;
  return r;
}

size_t vz_inverted_scratch_bytes(const vz_inverted *p, bool has_low, unsigned threads) {
  return threads * rows_of(p, has_low).bytes;
}

size_t vz_inverted_rows_bytes(const vz_inverted *p, bool has_low) {
  rows r = rows_of(p, has_low);
  return r.bytes - r.own;
}

typedef struct plan {
  const vz_exec *exec;
  const vz_inverted *block;
  vz_conv_shape middle; /* with the memory strides of the rows */
  vz_strip strip;
  const vz_epilogue *epilogue;
  const float *x, *low;
  float *y;
  rows rows;
  size_t parts, part_rows; /* of an image's output */
} plan;

/* A task's memory. */
typedef struct memory {
  vz_exec exec;
  float *h, *d, *up, *mixed;
} memory;

static memory open_memory(const plan *p, unsigned worker) {
  char *at = (char *)p->exec->scratch + worker * p->rows.bytes;
  memory m = {.exec = {.kernels = p->exec->kernels, .scratch = at, .scratch_bytes = p->rows.own}};
  at += p->rows.own;
  m.h = (float *)(void *)at;
  m.d = (float *)(void *)(at += p->rows.h);
  m.up = (float *)(void *)(at += p->rows.d);
  m.mixed = (float *)(void *)(at + p->rows.up);
  return m;
}

/* sum over t of weight[t] from[t], or from[0] itself where that is all. */
static const float *mix(const vz_kernels *kernels, size_t n, size_t taps, const float *weight,
                        const float *const *from, float *to) {
  if (!weight) return from[0];
  kernels->resize_blend_f32(n, taps, weight, from, to);
  return to;
}

/* up(low) of row `row`, to m->up + at. */
static void resample_row(const plan *p, const memory *m, size_t image, size_t row, float *to) {
  const vz_resize_axis *h = &p->block->up_h, *w = &p->block->up_w;
  size_t hidden = p->middle.in_c, line = w->in * hidden;
  const float *from[VZ_INVERTED_TAPS];
  for (size_t t = 0; t < h->taps; t++) {
    from[t] = p->low + (image * h->in + (size_t)h->index[row * h->taps + t]) * line;
  }
  const vz_kernels *kernels = m->exec.kernels;
  const float *mixed =
      mix(kernels, line, h->taps, h->weight ? h->weight + row * h->taps : NULL, from, m->mixed);
  static const float one = 1;
  for (size_t j = 0; j < w->out; j++) {
    for (size_t t = 0; t < w->taps; t++) from[t] = mixed + (size_t)w->index[j * w->taps + t] * hidden;
    kernels->resize_blend_f32(hidden, w->taps, w->weight ? w->weight + j * w->taps : &one, from, to + j * p->rows.ld);
  }
}

/* Rows first ..< first + count of h, into the ring. */
static void expand(const plan *p, const memory *m, size_t image, size_t first, size_t count) {
  const vz_inverted *b = p->block;
  const vz_conv_shape *s = &p->middle;
  vz_epilogue e = {.bias = b->bias1, .act = b->act1};
  for (size_t i = 0; p->low && i < count; i++) resample_row(p, m, image, first + i, m->up + i * s->in_row);
  if (p->low) {
    e.residual = m->up;
    e.residual_ld = p->rows.ld;
  }
  vz_gemm_f32(&m->exec, count * s->in_w, s->in_c, b->in_c, p->x + (image * s->in_h + first) * s->in_w * b->in_ld,
              b->in_ld, b->w1, &e, m->h + first % p->rows.ring * s->in_row, p->rows.ld);
}

/* Rows first ..< first + count of the output; the rows of h that they see are in the ring. */
static void finish(const plan *p, const memory *m, size_t image, size_t first, size_t count) {
  const vz_inverted *b = p->block;
  const vz_conv_shape *s = &p->middle;
  for (size_t i = 0; i < count; i++) {
    ptrdiff_t top = (ptrdiff_t)((first + i) * s->stride_h) - s->pad_top;
    vz_taps taps = vz_taps_inside(top, s->dilation_h, s->kernel_h, s->in_h);
    const float *from[VZ_DEPTHWISE_ROWS];
    for (size_t t = 0; t < taps.count; t++) {
      size_t row = (size_t)(top + (ptrdiff_t)((taps.first + t) * s->dilation_h));
      from[t] = m->h + row % p->rows.ring * s->in_row;
    }
    vz_strip strip = p->strip;
    strip.x = from;
    strip.rows = taps.count;
    strip.w = (const float *)b->w2 + taps.first * strip.w_row;
    strip.y = m->d + i * s->out_row;
    vz_depthwise_row(m->exec.kernels, s, &strip);
  }
  vz_epilogue e = {0};
  if (p->epilogue) e = *p->epilogue;
  size_t pixel = (image * s->out_h + first) * s->out_w;
  if (e.residual) e.residual += pixel * e.residual_ld;
  vz_gemm_f32(&m->exec, count * s->out_w, b->out_c, s->in_c, m->d, p->rows.ld, b->w3, &e, p->y + pixel * b->out_ld,
              b->out_ld);
}

/* The output rows whose last input row is above `ready`. */
static size_t finished(const vz_conv_shape *s, size_t ready) {
  if (ready == s->in_h) return s->out_h;
  ptrdiff_t last = (ptrdiff_t)ready - 1 + s->pad_top - (ptrdiff_t)((s->kernel_h - 1) * s->dilation_h);
  size_t rows = last < 0 ? 0 : (size_t)last / s->stride_h + 1;
  return rows < s->out_h ? rows : s->out_h;
}

static void run_part(const plan *p, const memory *m, size_t image, size_t first, size_t end) {
  const vz_conv_shape *s = &p->middle;
  size_t batch = p->rows.batch;
  ptrdiff_t top = (ptrdiff_t)(first * s->stride_h) - s->pad_top;
  size_t ready = top < 0 ? 0 : (size_t)top > s->in_h ? s->in_h : (size_t)top / batch * batch;
  for (size_t row = first; row < end;) {
    if (ready < s->in_h) {
      size_t count = s->in_h - ready < batch ? s->in_h - ready : batch;
      expand(p, m, image, ready, count);
      ready += count;
    }
    size_t until = finished(s, ready);
    if (until > end) until = end;
    while (row < until) {
      size_t count = until - row < batch ? until - row : batch;
      finish(p, m, image, row, count);
      row += count;
    }
  }
}

static void run_tasks(void *context, size_t begin, size_t end, unsigned worker) {
  const plan *p = context;
  memory m = open_memory(p, worker);
  for (size_t item = begin; item < end; item++) {
    size_t first = item % p->parts * p->part_rows, last = first + p->part_rows;
    run_part(p, &m, item / p->parts, first, last < p->middle.out_h ? last : p->middle.out_h);
  }
}

void vz_inverted_f32(const vz_exec *exec, const vz_inverted *block, const float *x, const float *low,
                     const vz_epilogue *epilogue, float *y) {
  plan p = {.exec = exec, .block = block, .middle = block->middle, .epilogue = epilogue, .x = x, .low = low, .y = y};
  vz_conv_shape *s = &p.middle;
  if (s->batch * s->in_h * s->in_w * s->in_c * s->out_h * s->out_w * block->out_c == 0) return;
  unsigned threads = vz_pool_threads(exec->pool);
  assert(s->groups == s->in_c && s->in_c == s->out_c && s->kernel_h <= VZ_DEPTHWISE_ROWS);
  assert(!low || (block->up_h.taps <= VZ_INVERTED_TAPS && block->up_w.taps <= VZ_INVERTED_TAPS));
  assert(exec->scratch_bytes >= vz_inverted_scratch_bytes(block, low != NULL, threads));
  p.rows = rows_of(block, low != NULL);
  s->in_ld = s->out_ld = p.rows.ld;
  s->in_row = s->in_w * s->in_ld;
  s->out_row = s->out_w * s->out_ld;
  vz_epilogue middle = {.bias = block->bias2, .act = block->act2};
  p.strip = vz_depthwise_strip(s, &middle);
  size_t parts = threads > 1 && s->batch < 4 * threads ? ceil_div(4 * threads, s->batch) : 1;
  if (parts > ceil_div(s->out_h, PART_ROWS)) parts = ceil_div(s->out_h, PART_ROWS);
  p.part_rows = ceil_div(s->out_h, parts);
  p.parts = ceil_div(s->out_h, p.part_rows);
  vz_pool_run(exec->pool, s->batch * p.parts, 1, run_tasks, &p);
}
