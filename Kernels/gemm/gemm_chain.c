#include "vz_gemm_chain.h"
#include <assert.h>
#include <string.h>

enum { ROWS = 96, LINE = 64, TASK_BLOCKS = 4 };

static size_t lines(size_t bytes) { return (bytes + LINE - 1) / LINE * LINE; }

static size_t own_bytes(size_t count, const vz_gemm_stage *stages) {
  size_t most = 0;
  for (size_t i = 0; i < count; i++) {
    size_t bytes = vz_gemm_scratch_bytes(ROWS, stages[i].n, stages[i].k, 1);
    if (bytes > most) most = bytes;
  }
  return lines(most);
}

/* One of the two blocks of rows that stages read and write in turn. */
static size_t block_bytes(size_t count, const vz_gemm_stage *stages) {
  size_t widest = stages[0].k;
  for (size_t i = 0; i + 1 < count; i++) {
    if (stages[i].n > widest) widest = stages[i].n;
  }
  return lines(ROWS * widest * sizeof(float));
}

size_t vz_gemm_chain_scratch_bytes(size_t count, const vz_gemm_stage *stages, unsigned threads) {
  return threads * (own_bytes(count, stages) + 2 * block_bytes(count, stages));
}

typedef struct plan {
  const vz_exec *exec;
  size_t rows, count;
  const vz_gemm_stage *stages;
  size_t parts;
  const vz_gemm_columns *a;
  float *c;
  size_t ldc, own, block;
} plan;

/* Rows of A, gathered in `to` unless they lie in one piece. */
static const float *rows_of(const plan *p, size_t first, size_t rows, float *to, size_t *ld) {
  if (p->parts == 1) {
    *ld = p->a->ld;
    return p->a->from + first * *ld;
  }
  *ld = p->stages[0].k;
  size_t column = 0;
  for (size_t i = 0; i < p->parts; i++) {
    const vz_gemm_columns *part = &p->a[i];
    const float *from = part->from + first * part->ld;
    for (size_t r = 0; r < rows; r++) memcpy(to + r * *ld + column, from + r * part->ld, part->count * sizeof *from);
    column += part->count;
  }
  return to;
}

static void run_blocks(void *context, size_t begin, size_t end, unsigned worker) {
  const plan *p = context;
  char *memory = (char *)p->exec->scratch + worker * (p->own + 2 * p->block);
  vz_exec exec = {.kernels = p->exec->kernels, .scratch = memory, .scratch_bytes = p->own};
  for (size_t item = begin; item < end; item++) {
    size_t first = item * ROWS, rows = p->rows - first < ROWS ? p->rows - first : ROWS;
    size_t ld;
    const float *from = rows_of(p, first, rows, (float *)(memory + p->own + p->block), &ld);
    for (size_t i = 0; i < p->count; i++) {
      const vz_gemm_stage *s = &p->stages[i];
      bool last = i + 1 == p->count;
      float *to = last ? p->c + first * p->ldc : (float *)(memory + p->own + i % 2 * p->block);
      vz_epilogue e = {.bias = s->bias, .act = s->act};
      vz_gemm_f32(&exec, rows, s->n, s->k, from, ld, s->packed, &e, to, last ? p->ldc : s->n);
      from = to;
      ld = s->n;
    }
  }
}

void vz_gemm_chain_f32(const vz_exec *exec, size_t rows, size_t count, const vz_gemm_stage *stages, size_t parts,
                       const vz_gemm_columns *a, float *c, size_t ldc) {
  if (rows == 0 || count == 0) return;
  assert(exec->scratch_bytes >= vz_gemm_chain_scratch_bytes(count, stages, vz_pool_threads(exec->pool)));
  plan p = {.exec = exec, .rows = rows, .count = count, .stages = stages, .c = c, .ldc = ldc};
  p.parts = parts;
  p.a = a;
  p.own = own_bytes(count, stages);
  p.block = block_bytes(count, stages);
  vz_pool_run(exec->pool, (rows + ROWS - 1) / ROWS, TASK_BLOCKS, run_blocks, &p);
}
