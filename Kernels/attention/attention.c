#include "vz_attention.h"
#include "vz_gemm.h"
#include "vz_softmax.h"
#include <assert.h>

enum {
  LINE = 64,
  SCORE_BYTES = 192 << 10, /* of a block of queries: they stay in the second-level cache */
  BLOCK_MOST = 48,
  BLOCK_ROUND = 12,
};

static size_t ceil_div(size_t a, size_t b) { return (a + b - 1) / b; }
static size_t lines(size_t bytes) { return ceil_div(bytes, LINE) * LINE; }

static size_t block_rows(const vz_attention *s) {
  size_t rows = SCORE_BYTES / (s->keys * sizeof(float) + 1) / BLOCK_ROUND * BLOCK_ROUND;
  return rows < BLOCK_ROUND ? BLOCK_ROUND : rows > BLOCK_MOST ? BLOCK_MOST : rows;
}

/* Floats between rows of scores: an odd number of lines, or the rows that a tile reads at once compete for the same
   cache sets. */
static size_t score_row(const vz_attention *s) { return (ceil_div(s->keys, 16) | 1) * 16; }

/* The scratch memory of a worker: both products' own, packed keys, packed values, scores. */
typedef struct places {
  size_t k, v, scores, end;
} places;

static places places_of(const vz_kernels *kernels, const vz_attention *s) {
  size_t rows = block_rows(s), first = vz_gemm_scratch_bytes(rows, s->keys, s->width, 1);
  size_t second = vz_gemm_scratch_bytes(rows, s->value_width, s->keys, 1);
  places p = {.k = lines(first > second ? first : second)};
  p.v = p.k + lines(vz_gemm_pack_b_bytes(kernels, s->width, s->keys));
  p.scores = p.v + lines(vz_gemm_pack_b_bytes(kernels, s->keys, s->value_width));
  p.end = p.scores + lines(rows * score_row(s) * sizeof(float));
  return p;
}

size_t vz_attention_scratch_bytes(const vz_kernels *kernels, const vz_attention *s, unsigned threads) {
  return threads * places_of(kernels, s).end;
}

typedef struct plan {
  const vz_exec *exec;
  const vz_attention *shape;
  const float *q, *k, *v, *mask;
  float *y;
  places places;
  size_t rows, parts, part_rows; /* of the queries of a head; a part packs keys and values for itself */
} plan;

static ptrdiff_t offset(const vz_attention_operand *o, size_t batch, size_t head, size_t row) {
  return (ptrdiff_t)batch * o->batch + (ptrdiff_t)head * o->head + (ptrdiff_t)row * o->row;
}

static void run_block(const plan *p, const vz_exec *exec, char *memory, size_t b, size_t h, size_t first,
                      size_t count) {
  const vz_attention *s = p->shape;
  float *scores = (float *)(memory + p->places.scores);
  size_t ld = score_row(s);
  vz_epilogue e = {0};
  if (p->mask) {
    e.residual = p->mask + offset(&s->mask, b, h, first);
    e.residual_ld = (size_t)s->mask.row;
  }
  vz_gemm_f32(exec, count, s->keys, s->width, p->q + offset(&s->q, b, h, first), (size_t)s->q.row,
              memory + p->places.k, &e, scores, ld);
  float factors[BLOCK_MOST];
  for (size_t i = 0; i < count; i++) factors[i] = exec->kernels->softmax_weights_f32(s->keys, scores + i * ld);
  float *y = p->y + offset(&s->y, b, h, first);
  vz_gemm_f32(exec, count, s->value_width, s->keys, scores, ld, memory + p->places.v, NULL, y, (size_t)s->y.row);
  for (size_t i = 0; i < count; i++, y += s->y.row) {
    for (size_t j = 0; j < s->value_width; j++) y[j] *= factors[i];
  }
}

static void run_tasks(void *context, size_t begin, size_t end, unsigned worker) {
  const plan *p = context;
  const vz_attention *s = p->shape;
  char *memory = (char *)p->exec->scratch + worker * p->places.end;
  vz_exec exec = {.kernels = p->exec->kernels, .scratch = memory, .scratch_bytes = p->places.k};
  for (size_t item = begin; item < end; item++) {
    size_t part = item % p->parts, h = item / p->parts % s->heads, b = item / p->parts / s->heads;
    size_t last = (part + 1) * p->part_rows < s->queries ? (part + 1) * p->part_rows : s->queries;
    vz_gemm_pack_b_f32(exec.kernels, s->width, s->keys, p->k + offset(&s->k, b, h, 0), 1, (size_t)s->k.row,
                       memory + p->places.k);
    vz_gemm_scale_b_f32(memory + p->places.k, s->scale);
    vz_gemm_pack_b_f32(exec.kernels, s->keys, s->value_width, p->v + offset(&s->v, b, h, 0), (size_t)s->v.row, 1,
                       memory + p->places.v);
    for (size_t row = part * p->part_rows; row < last; row += p->rows) {
      run_block(p, &exec, memory, b, h, row, last - row < p->rows ? last - row : p->rows);
    }
  }
}

void vz_attention_f32(const vz_exec *exec, const vz_attention *s, const float *q, const float *k, const float *v,
                      const float *mask, float *y) {
  if (s->batch * s->heads * s->queries * s->value_width == 0 || s->keys == 0) return;
  unsigned threads = vz_pool_threads(exec->pool);
  assert(exec->scratch_bytes >= vz_attention_scratch_bytes(exec->kernels, s, threads));
  plan p = {.exec = exec, .shape = s, .q = q, .k = k, .v = v, .mask = mask, .y = y};
  p.places = places_of(exec->kernels, s);
  p.rows = block_rows(s);
  size_t tasks = s->batch * s->heads, blocks = ceil_div(s->queries, p.rows);
  p.parts = threads > 1 && tasks < 2 * threads ? ceil_div(2 * threads, tasks) : 1;
  if (p.parts > blocks) p.parts = blocks;
  p.part_rows = ceil_div(blocks, p.parts) * p.rows;
  p.parts = ceil_div(s->queries, p.part_rows);
  vz_pool_run(exec->pool, tasks * p.parts, 1, run_tasks, &p);
}
