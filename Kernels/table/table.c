#include "vz_table.h"
#include <pthread.h>

static vz_kernels tables[VZ_CPU_LEVELS];
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Fills in ascending order, so that a level starts as a copy of the one below and overrides it. */
static void fill(void) {
  vz_cpu_level levels[VZ_CPU_LEVELS];
  size_t count = vz_cpu_levels(levels);
  for (size_t i = 0; i < count; i++) {
    vz_cpu_level at = levels[i];
    vz_kernels *table = &tables[at];
    if (at != VZ_CPU_SCALAR) *table = tables[vz_cpu_below(at)];
    table->level = at;
#define VZ_IMPL(name, level, symbol)                                                                                   \
  if (at == VZ_CPU_##level) table->name = symbol;
#include "vz_kernels.def"
  }
}

const vz_kernels *vz_kernels_at(vz_cpu_level level) {
  pthread_once(&once, fill);
  while (!vz_cpu_has(level)) level = vz_cpu_below(level);
  return &tables[level];
}

const vz_kernels *vz_kernels_default(void) { return vz_kernels_at(vz_cpu_default()); }
