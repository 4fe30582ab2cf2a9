#include "winograd.h"
#include "../gemm/igemm.h"
#include "matrices.h"
#include "vz_winograd.h"
#include <assert.h>
#include <math.h>
#include <string.h>

enum {
  TAPS = VZ_WINOGRAD_TAPS,
  STEP = VZ_WINOGRAD_OUT,
  LINE = 64,
  BLOCK_BYTES = 768 << 10, /* of transformed input that a task works on: it is read once per panel */
  BLOCK_LEAST = 36,        /* tiles, or the weights are read too often */
  BLOCK_MOST = 48,
  BLOCK_SHARED = 12,   /* tiles of a block, at least, when a small image is shared out among threads */
  BLOCK_ROUND = 12,    /* a multiple of every tile height but one */
  MAX_WIDTH = 64,
  INLINE_PRODUCTS = 1 << 20, /* jobs below this are over before a thread wakes */
};

static size_t ceil_div(size_t a, size_t b) { return (a + b - 1) / b; }
static size_t round_up(size_t a, size_t b) { return ceil_div(a, b) * b; }

bool vz_winograd_fits(const vz_conv_shape *s) {
  return s->kernel_h == 3 && s->kernel_w == 3 && s->stride_h == 1 && s->stride_w == 1 && s->dilation_h == 1 &&
         s->dilation_w == 1 && s->groups == 1 && s->in_c > 0 && s->out_c > 0;
}

static size_t tile_count(const vz_conv_shape *s) {
  return s->batch * ceil_div(s->out_h, STEP) * ceil_div(s->out_w, STEP);
}

/* Cycles of a core with two 512-bit multipliers; other cores are slower at everything alike. The weights of a small
   image are read from afar, and are four times as many as without the transform. */
bool vz_winograd_pays(const vz_conv_shape *s) {
  if (!vz_winograd_fits(s) || s->in_c < 6 || s->out_c < 16) return false;
  const double per_cycle = 26, bytes_per_cycle = 5, transform = 7;
  double pixels = (double)s->batch * (double)s->out_h * (double)s->out_w, tiles = (double)tile_count(s);
  double pairs = (double)s->in_c * (double)s->out_c;
  double direct = fmax(9 * pixels * pairs / per_cycle, 36 * pairs / bytes_per_cycle);
  double products = fmax(TAPS * tiles * pairs / per_cycle, 4 * TAPS * pairs / bytes_per_cycle);
  return products + transform * tiles * (double)(round_up(s->in_c, 16) + s->out_c) < direct;
}

/* One panel holds all 36 matrices for its columns. */
vz_panels vz_winograd_layout(vz_cpu_level level, const vz_conv_shape *s) {
  return vz_panels_layout(level, 1, TAPS, s->in_c, s->out_c);
}

/* -- running ------------------------------------------------------------------------------------------------------- */

/* How a convolution is cut: blocks of tiles, and slices of panels if there are few blocks. */
typedef struct cut {
  size_t tiles, block, blocks;
  size_t v_row, v_step; /* floats between tiles and between taps of the transformed input */
} cut;

static cut cut_of(const vz_conv_shape *s, unsigned threads) {
  cut c = {.tiles = tile_count(s), .v_row = round_up(s->in_c, 16)};
  size_t most = BLOCK_BYTES / (TAPS * c.v_row * sizeof(float));
  most = most < BLOCK_LEAST ? BLOCK_LEAST : most > BLOCK_MOST ? BLOCK_MOST : most;
  c.blocks = ceil_div(c.tiles, most);
  size_t even = round_up(c.blocks, threads);
  if (even > c.blocks && c.tiles >= even * BLOCK_SHARED) c.blocks = even;
  c.block = round_up(ceil_div(c.tiles, c.blocks), BLOCK_ROUND);
  c.blocks = ceil_div(c.tiles, c.block);
  /* Odd lines apart, or the 36 matrices compete for the same cache sets. */
  c.v_step = (c.block * c.v_row / 16 | 1) * 16;
  return c;
}

static size_t m_step(const cut *c, size_t width) { return (c->block * width / 16 | 1) * 16; }

static size_t worker_bytes(const cut *c) {
  size_t floats = TAPS * (c->v_step + m_step(c, MAX_WIDTH));
  return round_up(floats * sizeof(float) + 2 * c->block * sizeof(float *), LINE);
}

static size_t zeros_bytes(const vz_conv_shape *s) { return round_up(s->in_c * sizeof(float), LINE); }

size_t vz_winograd_scratch_bytes(const vz_conv_shape *s, unsigned threads) {
  cut c = cut_of(s, threads);
  return zeros_bytes(s) + threads * worker_bytes(&c);
}

typedef struct plan {
  const vz_exec *exec;
  const vz_conv_shape *shape;
  const vz_panels *b;
  const float *x;
  float *y;
  const vz_epilogue *epilogue;
  size_t residual_row, residual_batch;
  cut cut;
  size_t tiles_y, tiles_x, slices, slice_panels;
  vz_winograd_out out; /* what all tiles have in common */
} plan;

/* Where a tile's output begins. */
typedef struct place {
  size_t image, y, x;
} place;

static place place_of(const plan *p, size_t tile) {
  return (place){.image = tile / p->tiles_x / p->tiles_y,
                 .y = tile / p->tiles_x % p->tiles_y * STEP,
                 .x = tile % p->tiles_x * STEP};
}

static void load_tiles(const plan *p, size_t first, size_t count, const float *zeros, float *v) {
  const vz_conv_shape *s = p->shape;
  vz_winograd_in in = {.channels = s->in_c, .v_step = p->cut.v_step};
  for (size_t i = 0; i < count; i++) {
    place at = place_of(p, first + i);
    const float *image = p->x + at.image * s->in_batch;
    for (size_t r = 0; r < 6; r++) {
      ptrdiff_t y = (ptrdiff_t)(at.y + r) - s->pad_top;
      bool inside = y >= 0 && y < (ptrdiff_t)s->in_h;
      for (size_t c = 0; c < 6; c++) {
        ptrdiff_t x = (ptrdiff_t)(at.x + c) - s->pad_left;
        in.pixels[6 * r + c] = inside && x >= 0 && x < (ptrdiff_t)s->in_w
                                   ? image + (size_t)y * s->in_row + (size_t)x * s->in_ld
                                   : zeros;
      }
    }
    in.v = v + i * p->cut.v_row;
    p->exec->kernels->winograd_in_f32(&in);
  }
}

/* The 36 products of a block with one panel. */
static void multiply(const plan *p, size_t count, size_t panel, const float *const *a, float *const *c, size_t step) {
  size_t width = vz_panels_width(p->b, panel), k = p->b->k;
  const float *weights = vz_panels_at(p->b, 0, panel);
  vz_tile_kernel kernel = vz_tile_kernel_of(p->exec->kernels, width);
  size_t tiles = ceil_div(count, vz_tile_height(p->exec->kernels->level, width));
  size_t height = count / tiles, taller = count % tiles, lines_per_step = width * sizeof(float) / LINE;
  vz_tile tile = {.taps = 1, .k = k, .first = true, .last = true, .n = width, .low = -INFINITY, .high = INFINITY};
  for (size_t tap = 0; tap < TAPS; tap++) {
    tile.b = weights + tap * k * width;
    tile.a = a;
    tile.c = c;
    tile.a_offset = tap * p->cut.v_step;
    tile.column = tap * step;
    for (size_t i = 0; i < tiles; i++) {
      size_t rows = height + (i < taller);
      /* Each of the first tiles fetches one line per step of the next matrix. */
      tile.prefetch = i < lines_per_step ? (ptrdiff_t)(k * width * sizeof(float) + i * LINE) : 0;
      kernel(rows, &tile);
      tile.a += rows;
      tile.c += rows;
    }
  }
}

static void store_tiles(const plan *p, size_t first, size_t count, size_t column, size_t n, const float *m,
                        size_t width, size_t step) {
  const vz_conv_shape *s = p->shape;
  const vz_epilogue *e = p->epilogue;
  vz_winograd_out out = p->out;
  vz_act act;
  out.n = n;
  out.m_step = step;
  if (out.bias) out.bias += column;
  if (out.act) {
    act = *out.act;
    if (act.slope) act.slope += column;
    out.act = &act;
  }
  for (size_t i = 0; i < count; i++) {
    place at = place_of(p, first + i);
    out.rows = s->out_h - at.y < STEP ? s->out_h - at.y : STEP;
    out.cols = s->out_w - at.x < STEP ? s->out_w - at.x : STEP;
    out.m = m + i * width;
    out.y = p->y + at.image * s->out_batch + at.y * s->out_row + at.x * s->out_ld + column;
    if (e && e->residual) {
      out.residual =
          e->residual + at.image * p->residual_batch + at.y * p->residual_row + at.x * e->residual_ld + column;
    }
    p->exec->kernels->winograd_out_f32(&out);
  }
}

static void run_task(const plan *p, size_t item, unsigned worker) {
  size_t slice = item % p->slices, first = item / p->slices * p->cut.block;
  size_t count = p->cut.tiles - first < p->cut.block ? p->cut.tiles - first : p->cut.block;
  const float *zeros = p->exec->scratch;
  float *v = (float *)((char *)p->exec->scratch + zeros_bytes(p->shape) + worker * worker_bytes(&p->cut));
  float *m = v + TAPS * p->cut.v_step;
  const float **a = (const float **)(m + TAPS * m_step(&p->cut, MAX_WIDTH));
  float **c = (float **)(a + p->cut.block);
  load_tiles(p, first, count, zeros, v);
  size_t end = (slice + 1) * p->slice_panels, panels = vz_panels_count(p->b);
  for (size_t panel = slice * p->slice_panels; panel < end && panel < panels; panel++) {
    size_t width = vz_panels_width(p->b, panel), column = panel * p->b->width, step = m_step(&p->cut, width);
    for (size_t i = 0; i < count; i++) {
      a[i] = v + i * p->cut.v_row;
      c[i] = m + i * width;
    }
    multiply(p, count, panel, a, c, step);
    store_tiles(p, first, count, column, p->b->n - column < width ? p->b->n - column : width, m, width, step);
  }
}

static void run_tasks(void *context, size_t begin, size_t end, unsigned worker) {
  for (size_t item = begin; item < end; item++) run_task(context, item, worker);
}

static void set_epilogue(plan *p, const vz_epilogue *e) {
  vz_winograd_out *out = &p->out;
  const vz_conv_shape *s = p->shape;
  *out = (vz_winograd_out){.low = -INFINITY, .high = INFINITY, .y_row = s->out_row, .y_col = s->out_ld};
  p->epilogue = e;
  if (!e) return;
  out->bias = e->bias;
  p->residual_row = e->residual_row ? e->residual_row : e->residual_ld * s->out_w;
  p->residual_batch = e->residual_batch ? e->residual_batch : p->residual_row * s->out_h;
  out->residual_row = p->residual_row;
  out->residual_col = e->residual_ld;
  out->residual_after = e->residual && e->residual_after;
  if (!vz_act_is_clamp(&e->act, &out->low, &out->high)) out->act = &e->act;
}

void vz_winograd_run(const vz_exec *exec, const vz_conv_shape *s, const float *x, const vz_panels *packed,
                     const vz_epilogue *epilogue, float *y) {
  if (s->batch * s->out_h * s->out_w == 0) return;
  unsigned threads = vz_pool_threads(exec->pool);
  plan p = {.exec = exec, .shape = s, .b = packed, .x = x, .y = y, .cut = cut_of(s, threads)};
  assert(exec->scratch_bytes >= vz_winograd_scratch_bytes(s, threads));
  p.tiles_y = ceil_div(s->out_h, STEP);
  p.tiles_x = ceil_div(s->out_w, STEP);
  set_epilogue(&p, epilogue);
  memset(exec->scratch, 0, zeros_bytes(s));
  bool small = (double)p.cut.tiles * TAPS * (double)s->in_c * (double)s->out_c < INLINE_PRODUCTS;
  size_t panels = vz_panels_count(packed);
  size_t slices = !small && p.cut.blocks < threads ? ceil_div(threads, p.cut.blocks) : 1;
  if (slices > panels) slices = panels;
  p.slice_panels = ceil_div(panels, slices);
  p.slices = ceil_div(panels, p.slice_panels);
  vz_pool_run(small ? NULL : exec->pool, p.cut.blocks * p.slices, 1, run_tasks, &p);
}
