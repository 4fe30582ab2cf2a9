#pragma once
#include "viseme_kernels.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The kernel check: every kernel at every CPU level, against the level below it all, SCALAR.

   A family has one file here, which registers itself:

     CHECK_KERNEL(scale_f32) {                       // the row's name in vz_kernels.def
       size_t n = check_size(env, 100);
       float *x = check_f32(env, n);                 // guarded, random; freed by the harness
       float *got = check_copy(env, n * 4, x), *want = check_copy(env, n * 4, x);
       check_note(env, "n=%zu", n);
       env->kernels->scale_f32(n, 2, got);
       env->reference->scale_f32(n, 2, want);
       check_near(env, n, got, want, 1e-6, 1e-6);
     }

   The body runs CHECK_ROUNDS times per level that has an implementation of its own; the random sequence is the same at
   each level. At SCALAR `kernels` and `reference` are the same table: compare with a sum in double there. Code that is
   not a row (drivers) is checked by CHECK_DRIVER(name), at every level. BENCH_KERNEL(row) and BENCH_DRIVER(name) set
   up and time one call with CHECK_TIME. */

enum { CHECK_ROUNDS = 40 };

typedef struct check_env {
  vz_cpu_level level;
  const vz_kernels *kernels;   /* under test */
  const vz_kernels *reference; /* SCALAR */
  size_t round;                /* 0 ..< rounds */
  uint64_t random;
} check_env;

typedef void (*check_body)(check_env *env);

typedef struct check_entry {
  const char *name;
  check_body body;
  ptrdiff_t row; /* offset in vz_kernels, or -1 for a driver */
  size_t rounds;
  bool bench;
  struct check_entry *next;
} check_entry;

void check_register(check_entry *entry);

#define CHECK_ENTRY_(label, symbol, offset, count, timed)                                                              \
  static void symbol(check_env *env);                                                                                  \
  __attribute__((constructor)) static void symbol##_register(void) {                                                   \
    static check_entry entry = {.name = label, .body = symbol, .row = offset, .rounds = count, .bench = timed};        \
    check_register(&entry);                                                                                            \
  }                                                                                                                    \
  static void symbol(check_env *env)

#define CHECK_KERNEL(name)                                                                                             \
  CHECK_ENTRY_(#name, check_kernel_##name, (ptrdiff_t)offsetof(vz_kernels, name), CHECK_ROUNDS, false)
#define CHECK_DRIVER(name) CHECK_ENTRY_(#name, check_driver_##name, -1, CHECK_ROUNDS, false)
#define BENCH_KERNEL(name) CHECK_ENTRY_(#name, bench_kernel_##name, (ptrdiff_t)offsetof(vz_kernels, name), 1, true)
#define BENCH_DRIVER(name) CHECK_ENTRY_(#name, bench_driver_##name, -1, 1, true)

/* -- randomness: reproducible from the seed that the run prints ---------------------------------------------------- */

uint64_t check_random(check_env *env);
size_t check_range(check_env *env, size_t low, size_t high); /* low ... high */
double check_uniform(check_env *env, double low, double high);

/* A size in 1 ... high, by preference one that breaks loops: 1, primes, multiples of vectors and tiles +- 1. */
size_t check_size(check_env *env, size_t high);

/* -- memory: each buffer lies against an unmapped page, at its end or (one time in four) at its start. The bytes
   between buffer and guard are poisoned and checked when the body returns
   ---------------------------------------------- */

void *check_bytes(check_env *env, size_t bytes, size_t alignment); /* filled with a signalling pattern, not zeros */
float *check_f32(check_env *env, size_t count);                    /* uniform in -1 ... 1 */
float *check_f32_in(check_env *env, size_t count, double low, double high);
float *check_f32_raw(check_env *env, size_t count); /* NaNs: for outputs */
void *check_copy(check_env *env, size_t bytes, const void *source);
void *check_aligned(check_env *env, size_t bytes); /* 64-byte aligned, for packed data and scratch */

/* -- verdicts ------------------------------------------------------------------------------------------------------ */

/* Says what is being done, for the report of a failure or a crash. */
void check_note(check_env *env, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Fails this check; at most a few messages are printed. */
void check_fail(check_env *env, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* |got - want| <= absolute + relative |want|; equal infinities and two NaNs agree. */
void check_near(check_env *env, size_t count, const float *got, const float *want, double absolute, double relative);
void check_near_f64(check_env *env, size_t count, const float *got, const double *want, double absolute,
                    double relative);

/* Bytes are equal. */
void check_same(check_env *env, size_t bytes, const void *got, const void *want);

#define CHECK(condition)                                                                                               \
  do {                                                                                                                 \
    if (!(condition)) check_fail(env, "%s:%d: %s", __FILE__, __LINE__, #condition);                                    \
  } while (0)

/* -- timing: CHECK_TIME(env, "label", work) { call } repeats the call and prints work / second; `work` is
   floating-point operations or bytes. Time is the process's CPU time
   ----------------------------------------------------------- */

typedef struct check_timer {
  const char *label;
  double work, start, best;
  size_t calls, left;
  int rounds;
} check_timer;

check_timer check_timer_start(check_env *env, double work, const char *label);
bool check_timer_next(check_env *env, check_timer *timer);

#define CHECK_TIME(env, label, work)                                                                                   \
  for (check_timer timer_ = check_timer_start(env, work, label); check_timer_next(env, &timer_);)
