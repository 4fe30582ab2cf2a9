#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Instruction sets that kernels are written for. A level includes the levels before it in its own family:
   SCALAR < AVX2 < AVX512 < AVX512VNNI on x86-64, SCALAR < NEON < DOTPROD < I8MM on 64-bit ARM. */
typedef enum vz_cpu_level {
  VZ_CPU_SCALAR = 0,
  VZ_CPU_AVX2,       /* AVX2, FMA, F16C */
  VZ_CPU_AVX512,     /* AVX-512 F, BW, DQ, VL */
  VZ_CPU_AVX512VNNI, /* + VNNI */
  VZ_CPU_NEON,
  VZ_CPU_DOTPROD,
  VZ_CPU_I8MM,
} vz_cpu_level;

enum { VZ_CPU_LEVELS = 7 };

/* True if this processor, operating system and build can run `level`. */
bool vz_cpu_has(vz_cpu_level level);

/* The highest level that vz_cpu_has. */
vz_cpu_level vz_cpu_best(void);

/* vz_cpu_best narrowed by VISEME_CPU (a vz_cpu_name), read once. An unknown or unavailable name is narrowed to what
   can be had, and vz_cpu_warning says so. */
vz_cpu_level vz_cpu_default(void);

/* Why vz_cpu_default is not what VISEME_CPU asked for: a static string, or NULL. */
const char *vz_cpu_warning(void);

/* "scalar", "avx2", "avx512", "avx512vnni", "neon", "dotprod", "i8mm". */
const char *vz_cpu_name(vz_cpu_level level);

/* Finds a level by vz_cpu_name. False, with `level` untouched, if there is none. */
bool vz_cpu_parse(const char *name, vz_cpu_level *level);

/* The next lower level of the same family; SCALAR for SCALAR. */
vz_cpu_level vz_cpu_below(vz_cpu_level level);

/* Writes the levels that vz_cpu_has, ascending, and returns how many. */
size_t vz_cpu_levels(vz_cpu_level out[VZ_CPU_LEVELS]);

/* Arithmetic (not only conversion) on float16 vectors. */
bool vz_cpu_has_fp16(void);

/* Dot products of bfloat16 vectors. */
bool vz_cpu_has_bf16(void);
