#include "vz_reduce.h"

enum { TASK_ELEMENTS = 1 << 14 };

typedef struct plan {
  bool exclusive, reverse;
  size_t length, inner;
  const float *x;
  float *y;
} plan;

static void accumulate(void *context, size_t begin, size_t end, unsigned worker) {
  (void)worker;
  const plan *p = context;
  for (size_t k = begin; k < end; k++) {
    size_t start = k / p->inner * p->length * p->inner + k % p->inner;
    double sum = 0;
    for (size_t j = 0; j < p->length; j++) {
      size_t at = start + (p->reverse ? p->length - 1 - j : j) * p->inner;
      double next = sum + p->x[at];
      p->y[at] = (float)(p->exclusive ? sum : next);
      sum = next;
    }
  }
}

void vz_cumsum_f32(const vz_exec *exec, bool exclusive, bool reverse, size_t outer, size_t length, size_t inner,
                   const float *x, float *y) {
  plan p = {.exclusive = exclusive, .reverse = reverse, .length = length, .inner = inner, .x = x, .y = y};
  vz_pool_run(exec->pool, outer * inner, TASK_ELEMENTS / (length ? length : 1) + 1, accumulate, &p);
}
