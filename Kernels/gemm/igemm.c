#include "igemm.h"
#include <assert.h>
#include <math.h>
#include <string.h>

enum {
  CHUNK_ROWS = 96,           /* rows that share one table of pointers: a multiple of every tile height */
  TABLE_BYTES = 1 << 16,     /* most bytes of such a table */
  PART_FLOATS = 1 << 16,     /* of a panel that is used from the second-level cache at a time */
  PREFETCH_FLOATS = 1 << 17, /* weights below this stay in cache by themselves */
  INLINE_PRODUCTS = 1 << 20, /* jobs below this are over before a thread wakes */
  MAX_WIDTH = 64,
  LINE = 64,
};

vz_tile_kernel vz_tile_kernel_of(const vz_kernels *kernels, size_t width) {
  switch (width) {
  case 8:
    return kernels->tile_f32_n8;
  case 16:
    return kernels->tile_f32_n16;
  case 32:
    return kernels->tile_f32_n32;
  case 48:
    return kernels->tile_f32_n48;
  default:
    return kernels->tile_f32_n64;
  }
}

size_t vz_tile_height(vz_cpu_level level, size_t width) {
  switch (level) {
  case VZ_CPU_SCALAR:
    return 12;
  case VZ_CPU_AVX2:
    return width == 16 ? 6 : 12;
  case VZ_CPU_AVX512:
  case VZ_CPU_AVX512VNNI:
    return width == 64 ? 6 : width == 48 ? 8 : 12;
  case VZ_CPU_NEON:
  case VZ_CPU_DOTPROD:
  case VZ_CPU_I8MM:
    return width == 16 ? 6 : 8;
  }
  return 1;
}

static size_t ceil_div(size_t a, size_t b) { return (a + b - 1) / b; }
static size_t lines(size_t bytes) { return ceil_div(bytes, LINE) * LINE; }

static size_t chunk_limit(size_t taps) {
  size_t fitting = taps ? TABLE_BYTES / (taps * sizeof(float *)) / 12 * 12 : CHUNK_ROWS;
  return fitting < 12 ? 12 : fitting > CHUNK_ROWS ? CHUNK_ROWS : fitting;
}

static size_t zeros_bytes(size_t k) { return lines(k * sizeof(float)); }
static size_t table_bytes(size_t taps) { return lines((taps + 2) * chunk_limit(taps) * sizeof(float *)); }
static size_t worker_bytes(size_t taps) { return table_bytes(taps) + CHUNK_ROWS * MAX_WIDTH * sizeof(float); }

size_t vz_igemm_scratch_bytes(size_t taps, size_t k, unsigned threads) {
  return zeros_bytes(k) + threads * worker_bytes(taps);
}

/* -- one task: a chunk of rows times some panels of one group -------------------------------------------------------
 */

typedef struct plan {
  const vz_igemm *job;
  const vz_exec *exec;
  size_t taps, k;
  size_t chunks, chunk_rows;   /* of rows */
  size_t slices, slice_panels; /* of panels */
  size_t part_taps, part_k;    /* of the sum */
} plan;

/* The rows of a chunk times one part of one panel, in tiles of even height. */
static void multiply(const plan *p, size_t rows, size_t width, vz_tile tile, size_t prefetch_floats) {
  vz_tile_kernel kernel = vz_tile_kernel_of(p->exec->kernels, width);
  size_t tiles = ceil_div(rows, vz_tile_height(p->exec->kernels->level, width));
  size_t height = rows / tiles, taller = rows % tiles;
  size_t lines_per_step = width * sizeof(float) / LINE;
  for (size_t i = 0; i < tiles; i++) {
    /* Each of the first tiles fetches one line per step of what comes next. */
    tile.prefetch = prefetch_floats && i < lines_per_step ? (ptrdiff_t)(prefetch_floats * sizeof(float) + i * LINE) : 0;
    size_t count = height + (i < taller);
    kernel(count, &tile);
    tile.a += count;
    tile.c += count;
    if (tile.residual) tile.residual += count;
    if (tile.partial) tile.partial += count * width;
  }
}

/* All parts of one panel. */
static void run_panel(const plan *p, size_t group, size_t panel, size_t rows, float *partial, vz_tile tile) {
  const vz_panels *b = p->job->b;
  size_t width = vz_panels_width(b, panel);
  const float *weights = vz_panels_at(b, group, panel);
  const float *const *a = tile.a;
  bool whole = p->part_taps >= p->taps && p->part_k >= p->k;
  bool fetch = vz_panels_group(b) > PREFETCH_FLOATS;
  if (whole) {
    tile.first = tile.last = true;
    tile.taps = p->taps;
    tile.k = p->k;
    tile.b = weights;
    multiply(p, rows, width, tile, fetch ? p->taps * p->k * width : 0);
    return;
  }
  for (size_t tap = 0; tap < p->taps; tap += p->part_taps) {
    for (size_t i = 0; i < p->k; i += p->part_k) {
      tile.taps = p->taps - tap < p->part_taps ? p->taps - tap : p->part_taps;
      tile.k = p->k - i < p->part_k ? p->k - i : p->part_k;
      tile.a = a + tap * tile.a_stride;
      tile.a_offset = i;
      tile.b = weights + (tap * p->k + i) * width;
      tile.first = tap == 0 && i == 0;
      tile.last = tap + tile.taps == p->taps && i + tile.k == p->k;
      tile.partial = partial;
      multiply(p, rows, width, tile, fetch ? tile.taps * tile.k * width : 0);
    }
  }
}

static void set_epilogue(vz_tile *tile, vz_act *act, const vz_epilogue *e) {
  tile->low = -INFINITY;
  tile->high = INFINITY;
  if (!e) return;
  *act = e->act;
  if (!vz_act_is_clamp(act, &tile->low, &tile->high)) tile->act = act;
}

static void run_task(const plan *p, size_t item, unsigned worker) {
  const vz_igemm *job = p->job;
  const vz_panels *b = job->b;
  const vz_epilogue *e = job->epilogue;
  size_t slice = item % p->slices, chunk = item / p->slices % p->chunks, group = item / p->slices / p->chunks;
  size_t first = chunk * p->chunk_rows;
  size_t rows = job->rows - first < p->chunk_rows ? job->rows - first : p->chunk_rows;

  char *memory = p->exec->scratch;
  const float *zeros = (const float *)memory;
  memory += zeros_bytes(p->k) + worker * worker_bytes(p->taps);
  size_t stride = chunk_limit(p->taps);
  const float **a = (const float **)memory, **residual = a + p->taps * stride;
  float **c = (float **)(residual + stride);
  float *partial = (float *)(memory + table_bytes(p->taps));
  bool has_residual = e && e->residual;
  job->source(job->context, group, first, rows, stride, zeros, a, c, has_residual ? residual : NULL);

  vz_tile tile = {.a = a, .a_stride = stride, .c = c, .residual = has_residual ? residual : NULL};
  vz_act act;
  set_epilogue(&tile, &act, e);
  tile.residual_after = has_residual && e->residual_after;

  size_t begin = slice * p->slice_panels, end = begin + p->slice_panels, count = vz_panels_count(b);
  for (size_t panel = begin; panel < end && panel < count; panel++) {
    size_t column = panel * b->width, offset = group * b->n + column;
    tile.column = column;
    tile.n = b->n - column < b->width ? b->n - column : b->width;
    tile.bias = e && e->bias ? e->bias + offset : NULL;
    if (tile.act && e->act.slope) act.slope = e->act.slope + offset;
    run_panel(p, group, panel, rows, partial, tile);
  }
}

static void run_tasks(void *context, size_t begin, size_t end, unsigned worker) {
  for (size_t item = begin; item < end; item++) run_task(context, item, worker);
}

/* -- how a job is cut ---------------------------------------------------------------------------------------------- */

/* Rows first; panels too when the rows alone do not keep the threads busy. */
static void cut(plan *p, unsigned threads) {
  const vz_panels *b = p->job->b;
  size_t height = vz_tile_height(p->exec->kernels->level, b->width), limit = chunk_limit(p->taps) / height * height;
  size_t rows = p->job->rows, chunks = ceil_div(rows, limit), panels = vz_panels_count(b);
  if (threads > 1 && b->groups * chunks < 2 * threads && panels == 1) {
    chunks = ceil_div(2 * threads, b->groups);
    if (chunks > ceil_div(rows, height)) chunks = ceil_div(rows, height);
  }
  p->chunk_rows = ceil_div(ceil_div(rows, chunks), height) * height;
  p->chunks = ceil_div(rows, p->chunk_rows);

  size_t tasks = b->groups * p->chunks, slices = threads > 1 && tasks < 2 * threads ? ceil_div(2 * threads, tasks) : 1;
  if (slices > panels) slices = panels;
  p->slice_panels = ceil_div(panels, slices);
  p->slices = ceil_div(panels, p->slice_panels);

  /* A panel that is used by several tiles is cut so that each part stays in the second-level cache. */
  p->part_taps = p->taps;
  p->part_k = p->k;
  size_t part = PART_FLOATS / b->width;
  if (p->taps * p->k <= part + part / 2 || p->chunk_rows <= height) return;
  p->part_taps = p->k < part ? part / p->k : 1;
  p->part_taps = ceil_div(p->taps, ceil_div(p->taps, p->part_taps));
  if (p->k > part + part / 2) p->part_k = ceil_div(p->k, ceil_div(p->k, part));
}

void vz_igemm_run(const vz_exec *exec, const vz_igemm *job) {
  const vz_panels *b = job->b;
  if (job->rows == 0 || b->n == 0 || b->groups == 0) return;
  plan p = {.job = job, .exec = exec, .taps = b->k ? b->taps : 0, .k = b->taps ? b->k : 0};
  unsigned threads = vz_pool_threads(exec->pool);
  assert(exec->scratch_bytes >= vz_igemm_scratch_bytes(p.taps, p.k, threads));
  if (p.k) memset(exec->scratch, 0, zeros_bytes(p.k));
  bool small = (double)job->rows * (double)(b->groups * b->n) * (double)(p.taps * p.k) < INLINE_PRODUCTS;
  cut(&p, small ? 1 : threads);
  vz_pool_run(small ? NULL : exec->pool, b->groups * p.chunks * p.slices, 1, run_tasks, &p);
}
