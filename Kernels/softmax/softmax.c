#include "vz_softmax.h"

enum {
  TILE = 64, /* columns of one task */
  TASK_ELEMENTS = 1 << 13,
};

typedef struct plan {
  const vz_exec *exec;
  bool logarithm;
  size_t length, inner, tiles;
  const float *x;
  ptrdiff_t x_outer, x_axis;
  float *y;
  ptrdiff_t y_outer, y_axis;
} plan;

static void run_rows(void *context, size_t begin, size_t end, unsigned worker) {
  (void)worker;
  const plan *p = context;
  for (size_t r = begin; r < end; r++)
    p->exec->kernels->softmax_row_f32(p->logarithm, p->length, p->x + (ptrdiff_t)r * p->x_outer,
                                      p->y + (ptrdiff_t)r * p->y_outer);
}

static void run_columns(void *context, size_t begin, size_t end, unsigned worker) {
  (void)worker;
  const plan *p = context;
  for (size_t k = begin; k < end; k++) {
    ptrdiff_t outer = (ptrdiff_t)(k / p->tiles);
    size_t col = k % p->tiles * TILE, cols = p->inner - col < TILE ? p->inner - col : TILE;
    p->exec->kernels->softmax_columns_f32(p->logarithm, p->length, cols, p->x + outer * p->x_outer + col, p->x_axis,
                                          p->y + outer * p->y_outer + col, p->y_axis);
  }
}

void vz_softmax_f32(const vz_exec *exec, vz_softmax_kind kind, size_t outer, size_t length, size_t inner,
                    const float *x, ptrdiff_t x_outer, ptrdiff_t x_axis, float *y, ptrdiff_t y_outer,
                    ptrdiff_t y_axis) {
  if (outer == 0 || length == 0 || inner == 0) return;
  plan p = {.exec = exec,
            .logarithm = kind == VZ_LOG_SOFTMAX,
            .length = length,
            .inner = inner,
            .tiles = (inner + TILE - 1) / TILE,
            .x = x,
            .x_outer = x_outer,
            .x_axis = x_axis,
            .y = y,
            .y_outer = y_outer,
            .y_axis = y_axis};
  if (inner == 1 && x_axis == 1 && y_axis == 1) {
    vz_pool_run(exec->pool, outer, TASK_ELEMENTS / length + 1, run_rows, &p);
    return;
  }
  size_t tile = length * (inner < TILE ? inner : TILE);
  vz_pool_run(exec->pool, outer * p.tiles, TASK_ELEMENTS / tile + 1, run_columns, &p);
}
