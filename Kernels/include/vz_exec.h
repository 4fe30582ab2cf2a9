#pragma once
#include "vz_pool.h"
#include "vz_table.h"

/* What a driver runs on: which kernels, on which threads, with which temporary memory.

   `scratch` is aligned to 64 bytes and holds at least what the driver's ..._scratch_bytes twin asked for with
   vz_pool_threads(pool) threads; its content is undefined before and after. Drivers allocate nothing. */
typedef struct vz_exec {
  const vz_kernels *kernels;
  vz_pool *pool; /* or NULL */
  void *scratch;
  size_t scratch_bytes;
} vz_exec;
