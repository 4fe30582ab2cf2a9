#include "vz_resize.h"
#include <string.h>

enum { TASK_OUTPUTS = 1 << 14 };

/* What one worker keeps: the latest input rows already resized along the width, and whose rows they are. */
typedef struct row_cache {
  float *rows;        /* [h.taps][row_floats] */
  int32_t *row_of;    /* [h.taps] input row held by each slot; -1: none */
  const float **taps; /* [max(h.taps, w.taps)] */
  float *line;        /* [max(in, out) line] for strided input or output */
} row_cache;

typedef struct plan {
  const vz_exec *exec;
  const vz_resize_shape *shape;
  bool pixels; /* a row is [w.out, channels], else one plane's [w.out] */
  size_t row_floats;
  size_t block_rows, blocks;
  size_t worker_bytes;
  const float *x;
  float *y;
} plan;

static size_t round_up(size_t bytes) { return (bytes + 63) / 64 * 64; }
static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

static bool as_pixels(const vz_resize_shape *s) {
  return s->x_channel == 1 && s->y_channel == 1 && !(s->x_column == 1 && s->y_column == 1);
}

static size_t row_floats(const vz_resize_shape *s) { return as_pixels(s) ? s->w.out * s->channels : s->w.out; }

static size_t worker_bytes(const vz_resize_shape *s) {
  return round_up(s->h.taps * row_floats(s) * sizeof(float)) + round_up(s->h.taps * sizeof(int32_t)) +
         round_up(larger(s->h.taps, s->w.taps) * sizeof(float *)) +
         round_up(larger(larger(s->w.in, s->w.out), s->w.taps) * sizeof(float));
}

static row_cache open_cache(const plan *p, unsigned worker) {
  const vz_resize_shape *s = p->shape;
  char *at = (char *)p->exec->scratch + worker * p->worker_bytes;
  row_cache cache = {.rows = (float *)(void *)at};
  at += round_up(s->h.taps * p->row_floats * sizeof(float));
  cache.row_of = (int32_t *)(void *)at;
  at += round_up(s->h.taps * sizeof(int32_t));
  cache.taps = (const float **)(void *)at;
  at += round_up(larger(s->h.taps, s->w.taps) * sizeof(float *));
  cache.line = (float *)(void *)at;
  return cache;
}

/* Resizes one input row along the width. */
static void resize_width(const plan *p, row_cache *cache, const float *x, float *y) {
  const vz_resize_shape *s = p->shape;
  const vz_resize_axis *w = &s->w;
  if (!p->pixels) {
    const float *row = x;
    if (s->x_column != 1) {
      for (size_t k = 0; k < w->in; k++) cache->line[k] = x[(ptrdiff_t)k * s->x_column];
      row = cache->line;
    }
    p->exec->kernels->resize_row_f32(w->out, w->taps, w->index, w->weight, row, y);
    return;
  }
  for (size_t j = 0; j < w->out; j++) {
    const int32_t *index = w->index + j * w->taps;
    if (!w->weight && w->taps == 1) {
      memcpy(y + j * s->channels, x + *index * s->x_column, s->channels * sizeof(float));
      continue;
    }
    for (size_t t = 0; t < w->taps; t++) {
      cache->taps[t] = x + index[t] * s->x_column;
      cache->line[t] = w->weight ? w->weight[j * w->taps + t] : 1;
    }
    p->exec->kernels->resize_blend_f32(s->channels, w->taps, cache->line, cache->taps, y + j * s->channels);
  }
}

/* The slot that holds input row `row`, filled if need be in a slot that the current output row does not want. */
static const float *cached_row(const plan *p, row_cache *cache, const float *x, int32_t row, const int32_t *wanted) {
  const vz_resize_shape *s = p->shape;
  size_t slot = 0;
  for (size_t k = 0; k < s->h.taps; k++)
    if (cache->row_of[k] == row) return cache->rows + k * p->row_floats;
  for (bool taken = true; taken; slot += taken) {
    taken = false;
    for (size_t t = 0; t < s->h.taps; t++) taken |= cache->row_of[slot] == wanted[t];
  }
  float *to = cache->rows + slot * p->row_floats;
  resize_width(p, cache, x + row * s->x_row, to);
  cache->row_of[slot] = row;
  return to;
}

static void store_row(const plan *p, row_cache *cache, const float *weight, float *y) {
  const vz_resize_shape *s = p->shape;
  size_t taps = s->h.taps;
  if (p->pixels && s->y_column != (ptrdiff_t)s->channels) {
    for (size_t j = 0; j < s->w.out; j++) {
      p->exec->kernels->resize_blend_f32(s->channels, taps, weight, cache->taps, y + (ptrdiff_t)j * s->y_column);
      for (size_t t = 0; t < taps; t++) cache->taps[t] += s->channels;
    }
    return;
  }
  bool scattered = !p->pixels && s->y_column != 1;
  float *to = scattered ? cache->line : y;
  if (taps == 1 && *weight == 1)
    memcpy(to, cache->taps[0], p->row_floats * sizeof(float));
  else
    p->exec->kernels->resize_blend_f32(p->row_floats, taps, weight, cache->taps, to);
  for (size_t j = 0; scattered && j < s->w.out; j++) y[(ptrdiff_t)j * s->y_column] = to[j];
}

static void resize_blocks(void *context, size_t begin, size_t end, unsigned worker) {
  const plan *p = context;
  const vz_resize_shape *s = p->shape;
  row_cache cache = open_cache(p, worker);
  static const float one = 1;
  for (size_t item = begin; item < end; item++) {
    size_t first = item % p->blocks * p->block_rows, plane = item / p->blocks;
    size_t n = p->pixels ? plane : plane / s->channels, c = p->pixels ? 0 : plane % s->channels;
    size_t last = first + p->block_rows < s->h.out ? first + p->block_rows : s->h.out;
    const float *x = p->x + (ptrdiff_t)n * s->x_batch + (ptrdiff_t)c * s->x_channel;
    float *y = p->y + (ptrdiff_t)n * s->y_batch + (ptrdiff_t)c * s->y_channel;
    for (size_t t = 0; t < s->h.taps; t++) cache.row_of[t] = -1;
    for (size_t i = first; i < last; i++) {
      const int32_t *wanted = s->h.index + i * s->h.taps;
      for (size_t t = 0; t < s->h.taps; t++) cached_row(p, &cache, x, wanted[t], wanted);
      for (size_t t = 0; t < s->h.taps; t++) cache.taps[t] = cached_row(p, &cache, x, wanted[t], wanted);
      store_row(p, &cache, s->h.weight ? s->h.weight + i * s->h.taps : &one, y + (ptrdiff_t)i * s->y_row);
    }
  }
}

size_t vz_resize2d_scratch_bytes(const vz_resize_shape *shape, size_t threads) { return threads * worker_bytes(shape); }

void vz_resize2d_f32(const vz_exec *exec, const vz_resize_shape *shape, const float *x, float *y) {
  plan p = {.exec = exec,
            .shape = shape,
            .pixels = as_pixels(shape),
            .row_floats = row_floats(shape),
            .worker_bytes = worker_bytes(shape),
            .x = x,
            .y = y};
  size_t planes = p.pixels ? shape->batch : shape->batch * shape->channels;
  if (planes == 0 || p.row_floats == 0 || shape->h.out == 0) return;
  p.block_rows = TASK_OUTPUTS / p.row_floats + 1;
  if (p.block_rows > shape->h.out) p.block_rows = shape->h.out;
  p.blocks = (shape->h.out + p.block_rows - 1) / p.block_rows;
  size_t block = p.block_rows * p.row_floats;
  vz_pool_run(exec->pool, planes * p.blocks, TASK_OUTPUTS / block + (block < TASK_OUTPUTS), resize_blocks, &p);
}
