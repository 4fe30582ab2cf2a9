#include "vz_reduce.h"
#include <math.h>

enum { TASK_ELEMENTS = 1 << 14 };

typedef struct plan {
  bool smallest, last;
  size_t length, inner;
  const float *x;
  int64_t *y;
} plan;

/* True when b, met later, takes the place of a. */
static bool replaces(const plan *p, float a, float b) {
  if (isnan(a) || isnan(b)) return isnan(b) && (p->last || !isnan(a));
  if (a == b) return p->last;
  return p->smallest ? b < a : b > a;
}

static void find(void *context, size_t begin, size_t end, unsigned worker) {
  (void)worker;
  const plan *p = context;
  for (size_t k = begin; k < end; k++) {
    const float *x = p->x + k / p->inner * p->length * p->inner + k % p->inner;
    size_t best = 0;
    for (size_t j = 1; j < p->length; j++)
      if (replaces(p, x[best * p->inner], x[j * p->inner])) best = j;
    p->y[k] = (int64_t)best;
  }
}

static void run(const vz_exec *exec, plan p, size_t outer) {
  vz_pool_run(exec->pool, outer * p.inner, TASK_ELEMENTS / (p.length ? p.length : 1) + 1, find, &p);
}

void vz_argmax_f32(const vz_exec *exec, bool last, size_t outer, size_t length, size_t inner, const float *x,
                   int64_t *y) {
  run(exec, (plan){.last = last, .length = length, .inner = inner, .x = x, .y = y}, outer);
}

void vz_argmin_f32(const vz_exec *exec, bool last, size_t outer, size_t length, size_t inner, const float *x,
                   int64_t *y) {
  run(exec, (plan){.smallest = true, .last = last, .length = length, .inner = inner, .x = x, .y = y}, outer);
}
