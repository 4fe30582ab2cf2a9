#include "vz_reduce.h"
#include "../common/loops.h"
#include <math.h>
#include <string.h>

enum {
  TILE = 256,       /* columns that are reduced side by side */
  SHORT_ROW = 16,   /* shorter rows are reduced as columns */
  ROW_CHUNK = 4096, /* elements whose partial results are merged in double */
  TASK_ELEMENTS = 1 << 16,
};

/* x seen from the results (`kept`: arrays y, x) and, below each result, the loops that it reduces (`reduced`: x). */
typedef struct plan {
  const vz_exec *exec;
  vz_reduce_op op;
  const float *x;
  float *y;
  vz_loops kept, reduced;
  size_t count;         /* elements below one result */
  size_t reduced_outer; /* iterations of all reduced loops but the innermost */
  size_t tiles;         /* column tiles along the innermost kept loop */
} plan;

static double neutral(vz_reduce_step step) {
  if (step == VZ_STEP_MIN) return INFINITY;
  if (step == VZ_STEP_MAX) return -INFINITY;
  return step == VZ_STEP_PROD;
}

static vz_reduce_step step_of(vz_reduce_op op) {
  switch (op) {
  case VZ_REDUCE_MIN:
    return VZ_STEP_MIN;
  case VZ_REDUCE_MAX:
    return VZ_STEP_MAX;
  case VZ_REDUCE_PROD:
    return VZ_STEP_PROD;
  case VZ_REDUCE_L1:
    return VZ_STEP_ABS;
  case VZ_REDUCE_L2:
  case VZ_REDUCE_SUMSQUARE:
    return VZ_STEP_SQUARE;
  case VZ_REDUCE_LOGSUMEXP:
    return VZ_STEP_EXP;
  case VZ_REDUCE_SUM:
  case VZ_REDUCE_MEAN:
  case VZ_REDUCE_LOGSUM:
  case VZ_REDUCE_OP_COUNT:
    return VZ_STEP_SUM;
  }
  return VZ_STEP_SUM;
}

static float finish(const plan *p, double acc, float shift) {
  switch (p->op) {
  case VZ_REDUCE_MEAN:
    return (float)(acc / (double)p->count);
  case VZ_REDUCE_L2:
    return (float)sqrt(acc);
  case VZ_REDUCE_LOGSUM:
    return (float)log(acc);
  case VZ_REDUCE_LOGSUMEXP:
    return (float)(log(acc) + shift);
  default:
    return (float)acc;
  }
}

/* The shift of LOGSUMEXP: its maximum, or 0 where subtracting it would make infinity minus infinity. */
static float usable_shift(double top) { return isinf(top) ? 0 : (float)top; }

static double merge(vz_reduce_step step, double a, double b) {
  if (step == VZ_STEP_PROD) return a * b;
  if (step == VZ_STEP_MIN || step == VZ_STEP_MAX) {
    if (isnan(a) || isnan(b)) return NAN;
    return step == VZ_STEP_MIN ? fmin(a, b) : fmax(a, b);
  }
  return a + b;
}

static double reduce_row(const plan *p, vz_reduce_step step, const float *x, float shift) {
  size_t n = p->reduced.rank ? p->reduced.shape[p->reduced.rank - 1] : 1;
  ptrdiff_t stride = p->reduced.rank ? p->reduced.strides[0][p->reduced.rank - 1] : 1;
  double acc = neutral(step);
  float gathered[TILE];
  for (size_t outer = 0; outer < p->reduced_outer; outer++) {
    ptrdiff_t offset;
    vz_loops_offsets(&p->reduced, p->reduced.rank ? p->reduced.rank - 1 : 0, outer, &offset);
    const float *row = x + offset;
    size_t chunk = stride == 1 ? ROW_CHUNK : TILE;
    for (size_t at = 0; at < n; at += chunk) {
      size_t m = n - at < chunk ? n - at : chunk;
      const float *run = row + at;
      if (stride != 1) {
        for (size_t k = 0; k < m; k++) gathered[k] = row[(ptrdiff_t)(at + k) * stride];
        run = gathered;
      }
      acc = merge(step, acc, p->exec->kernels->reduce_row_f32(step, m, run, shift));
    }
  }
  return acc;
}

static void reduce_rows(void *context, size_t begin, size_t end, unsigned worker) {
  (void)worker;
  const plan *p = context;
  for (size_t k = begin; k < end; k++) {
    ptrdiff_t offsets[2];
    vz_loops_offsets(&p->kept, p->kept.rank, k, offsets);
    const float *x = p->x + offsets[1];
    float shift = p->op == VZ_REDUCE_LOGSUMEXP ? usable_shift(reduce_row(p, VZ_STEP_MAX, x, 0)) : 0;
    p->y[offsets[0]] = finish(p, reduce_row(p, step_of(p->op), x, shift), shift);
  }
}

/* Folds `cols` columns that start at x and lie x_step floats apart. */
static void reduce_columns(const plan *p, vz_reduce_step step, const float *x, ptrdiff_t x_step, size_t cols,
                           const float *shift, double *acc) {
  for (size_t c = 0; c < cols; c++) acc[c] = neutral(step);
  size_t inner = p->reduced.rank ? p->reduced.rank - 1 : 0;
  size_t rows = p->reduced.rank ? p->reduced.shape[inner] : 1;
  ptrdiff_t x_row = p->reduced.rank ? p->reduced.strides[0][inner] : 0;
  for (size_t outer = 0; outer < p->reduced_outer; outer++) {
    ptrdiff_t offset;
    vz_loops_offsets(&p->reduced, inner, outer, &offset);
    if (x_step == 1) {
      p->exec->kernels->reduce_columns_f32(step, rows, cols, x + offset, x_row, shift, acc);
      continue;
    }
    float gathered[4 * TILE];
    size_t at_once = 4 * TILE / cols;
    for (size_t r = 0; r < rows; r += at_once) {
      size_t m = rows - r < at_once ? rows - r : at_once;
      for (size_t k = 0; k < m; k++)
        for (size_t c = 0; c < cols; c++)
          gathered[k * cols + c] = x[offset + (ptrdiff_t)(r + k) * x_row + (ptrdiff_t)c * x_step];
      p->exec->kernels->reduce_columns_f32(step, m, cols, gathered, (ptrdiff_t)cols, shift, acc);
    }
  }
}

static void reduce_tiles(void *context, size_t begin, size_t end, unsigned worker) {
  (void)worker;
  const plan *p = context;
  size_t inner = p->kept.rank - 1, total = p->kept.shape[inner];
  ptrdiff_t y_step = p->kept.strides[0][inner], x_step = p->kept.strides[1][inner];
  for (size_t k = begin; k < end; k++) {
    size_t col = k % p->tiles * TILE, cols = total - col < TILE ? total - col : TILE;
    ptrdiff_t offsets[2];
    vz_loops_offsets(&p->kept, inner, k / p->tiles, offsets);
    const float *x = p->x + offsets[1] + (ptrdiff_t)col * x_step;
    float *y = p->y + offsets[0] + (ptrdiff_t)col * y_step;
    double acc[TILE];
    float shift[TILE] = {0};
    if (p->op == VZ_REDUCE_LOGSUMEXP) {
      reduce_columns(p, VZ_STEP_MAX, x, x_step, cols, NULL, acc);
      for (size_t c = 0; c < cols; c++) shift[c] = usable_shift(acc[c]);
    }
    reduce_columns(p, step_of(p->op), x, x_step, cols, p->op == VZ_REDUCE_LOGSUMEXP ? shift : NULL, acc);
    for (size_t c = 0; c < cols; c++) y[(ptrdiff_t)c * y_step] = finish(p, acc[c], shift[c]);
  }
}

void vz_reduce_f32(const vz_exec *exec, vz_reduce_op op, size_t rank, const size_t *shape, uint32_t axes,
                   const float *x, const ptrdiff_t *x_strides, float *y) {
  plan p = {.exec = exec, .op = op, .x = x, .y = y, .kept = {.arrays = 2}, .reduced = {.arrays = 1}, .count = 1};
  size_t results = 1;
  for (size_t d = 0; d < rank; d++) {
    vz_loops *loops = axes >> d & 1 ? &p.reduced : &p.kept;
    loops->strides[loops->arrays - 1][loops->rank] = x_strides[d];
    vz_loops_append(loops, shape[d]);
    if (axes >> d & 1)
      p.count *= shape[d];
    else
      results *= shape[d];
  }
  ptrdiff_t y_stride = 1;
  for (size_t d = p.kept.rank; d-- > 0; y_stride *= (ptrdiff_t)p.kept.shape[d]) p.kept.strides[0][d] = y_stride;
  if (results == 0) return;
  if (p.count == 0) {
    for (size_t k = 0; k < results; k++) y[k] = finish(&p, neutral(step_of(op)), 0);
    return;
  }
  vz_loops_simplify(&p.kept, 1);
  vz_loops_simplify(&p.reduced, 0);
  p.reduced_outer = p.reduced.rank ? p.count / p.reduced.shape[p.reduced.rank - 1] : 1;

  size_t row = p.reduced.rank ? p.reduced.shape[p.reduced.rank - 1] : 1;
  size_t row_step = p.reduced.rank ? vz_loops_magnitude(p.reduced.strides[0][p.reduced.rank - 1]) : 1;
  size_t kept_step = p.kept.rank ? vz_loops_magnitude(p.kept.strides[1][p.kept.rank - 1]) : 0;
  bool as_columns = p.kept.rank && (row < SHORT_ROW || kept_step < row_step);
  size_t weight = op == VZ_REDUCE_LOGSUMEXP ? 8 : 1;
  if (!as_columns) {
    vz_pool_run(exec->pool, results, TASK_ELEMENTS / weight / p.count + 1, reduce_rows, &p);
    return;
  }
  size_t cols = p.kept.shape[p.kept.rank - 1];
  p.tiles = (cols + TILE - 1) / TILE;
  size_t tile_elements = p.count * (cols < TILE ? cols : TILE);
  vz_pool_run(exec->pool, results / cols * p.tiles, TASK_ELEMENTS / weight / tile_elements + 1, reduce_tiles, &p);
}
