#pragma once
#include "vz_activation.h"
#include "vz_cpu.h"
#include "vz_strip.h"
#include "vz_tile.h"
#include "vz_eltwise_program.h"
#include "vz_reduce_step.h"
#include "vz_winograd.h"
#include <stdbool.h>
#include <stdint.h>

/* The kernels of one CPU level: one function pointer per row of vz_kernels.def, none of them NULL. */
typedef struct vz_kernels {
  vz_cpu_level level;
#define VZ_KERNEL(name, result, arguments) result(*name) arguments;
#include "vz_kernels.def"
} vz_kernels;

/* The table of `level`, or of the nearest level below it that this processor has. Immutable, valid for ever. Where a
   level has no kernel of its own it inherits that of the level below. */
const vz_kernels *vz_kernels_at(vz_cpu_level level);

/* vz_kernels_at(vz_cpu_default()). */
const vz_kernels *vz_kernels_default(void);

#define VZ_IMPL(name, level, symbol) extern __typeof__(*((vz_kernels *)0)->name) symbol;
#include "vz_kernels.def"
