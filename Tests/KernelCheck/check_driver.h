#pragma once
#include "check.h"

/* What a driver under check runs on: the kernels of the level, a pool of three threads on even rounds, none on odd
   ones, and guarded scratch memory. */
static inline vz_exec check_exec(check_env *env, size_t scratch_bytes_of_three_threads) {
  static vz_pool *pool;
  if (!pool) pool = vz_pool_create(3);
  return (vz_exec){.kernels = env->kernels,
                   .pool = env->round % 2 ? NULL : pool,
                   .scratch = check_aligned(env, scratch_bytes_of_three_threads + 1),
                   .scratch_bytes = scratch_bytes_of_three_threads};
}
