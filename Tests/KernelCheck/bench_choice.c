#include "check_driver.h"
#include "vz_conv.h"
#include <math.h>
#include <stdio.h>
#include <time.h>

/* Whether vz_conv_choose takes the algorithm that is fastest here: fails where it takes more than 5 % longer. */

enum { TURNS = 12, TRIES = 4, COLD_BYTES = 40 << 20 };
static const double TOLERANCE = 1.05;

static double cpu_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct candidate {
  vz_conv_algorithm algorithm;
  const char *name;
  char *packed;
  size_t bytes, copies;
  double best;
} candidate;

/* A layer among others: its weights come from beyond the caches when they take part of them, so copies take turns. */
static void time_once(const vz_exec *exec, const vz_conv_shape *s, candidate *c, const float *x, float *y,
                      const vz_epilogue *e, size_t calls) {
  double start = cpu_seconds();
  for (size_t i = 0; i < calls; i++) vz_conv_f32(exec, s, x, c->packed + i % c->copies * c->bytes, e, y);
  double seconds = (cpu_seconds() - start) / (double)calls;
  if (seconds < c->best) c->best = seconds;
}

static void compare(check_env *env, size_t batch, size_t in_c, size_t out_c, size_t size) {
  vz_conv_shape s = {.batch = batch, .in_h = size, .in_w = size, .in_c = in_c, .out_h = size, .out_w = size, .out_c = out_c,
                     .kernel_h = 3, .kernel_w = 3, .stride_h = 1, .stride_w = 1, .dilation_h = 1, .dilation_w = 1,
                     .pad_top = 1, .pad_left = 1, .groups = 1};
  vz_conv_shape_dense(&s);
  check_note(env, "3x3 %zu to %zu @%zu batch %zu", in_c, out_c, size, batch);
  candidate all[] = {{VZ_CONV_DIRECT, "direct", NULL, 0, 0, INFINITY},
                     {VZ_CONV_ROWS, "rows", NULL, 0, 0, INFINITY},
                     {VZ_CONV_WINOGRAD, "winograd", NULL, 0, 0, INFINITY}};
  vz_conv_algorithm choice = vz_conv_choose(&s);
  size_t pixels = batch * size * size, count = sizeof all / sizeof *all;
  float *x = check_f32(env, pixels * in_c), *y = check_f32(env, pixels * out_c), *bias = check_f32(env, out_c);
  float *w = check_f32(env, in_c * out_c * 9);
  vz_epilogue e = {.bias = bias, .act = {.kind = VZ_ACT_RELU}};
  size_t scratch = vz_conv_scratch_bytes(&s, 1);
  vz_exec exec = {.kernels = env->kernels, .scratch = check_aligned(env, scratch + 1), .scratch_bytes = scratch};
  for (candidate *c = all; c < all + count; c++) {
    if (c->algorithm == VZ_CONV_ROWS && in_c > 8) continue; /* packed as direct */
    c->bytes = (vz_conv_pack_bytes(env->kernels, &s, c->algorithm) + 63) / 64 * 64;
    c->copies = COLD_BYTES / c->bytes + 1;
    if (c->copies > 8) c->copies = 8;
    c->packed = check_aligned(env, c->bytes * c->copies);
    for (size_t i = 0; i < c->copies; i++) {
      vz_conv_pack_f32(env->kernels, &s, c->algorithm, w, NULL, c->packed + i * c->bytes);
    }
  }
  double least = INFINITY, chosen = INFINITY;
  for (int attempt = 0; attempt < TRIES; attempt++) {
    for (int turn = 0; turn < TURNS; turn++) {
      for (candidate *c = all; c < all + count; c++) {
        if (c->packed) time_once(&exec, &s, c, x, y, &e, c->copies);
      }
    }
    for (candidate *c = all; c < all + count; c++) {
      if (c->best < least) least = c->best;
      if (c->algorithm == choice) chosen = c->best;
    }
    if (chosen <= TOLERANCE * least) break; /* else it may have been noise */
  }
  printf("conv_choice %-10s 3x3 %4zu to %4zu @%-3zu batch %-2zu", vz_cpu_name(env->level), in_c, out_c, size, batch);
  for (candidate *c = all; c < all + count; c++) {
    if (c->packed) printf(" %s %.1f us", c->name, c->best * 1e6);
    if (c->packed && c->algorithm == choice) printf(" (chosen, %.2f of the least)", c->best / least);
  }
  putchar('\n');
  if (chosen > TOLERANCE * least) check_fail(env, "the choice takes %.2f times as long as the best", chosen / least);
}

BENCH_DRIVER(conv_choice) {
  if (env->level != vz_cpu_default()) return; /* the model is of the processor as a whole */
  static const size_t layers[][4] = {/* batch, from, to, extent */
                                     {1, 1, 32, 80},   {1, 3, 16, 96},    {1, 3, 32, 96},   {1, 3, 64, 160},
                                     {1, 4, 64, 32},   {1, 6, 16, 96},    {1, 6, 48, 40},  {1, 16, 16, 96},   {1, 32, 32, 48},   {1, 64, 64, 96},
                                     {1, 64, 64, 24},  {1, 128, 64, 64},  {1, 128, 128, 12}, {1, 128, 128, 48},
                                     {1, 256, 256, 6}, {1, 256, 256, 12}, {1, 256, 256, 24}, {1, 256, 256, 64},
                                     {1, 384, 384, 12}, {1, 512, 512, 3}, {1, 512, 512, 6},  {1, 320, 320, 32},
                                     {1, 640, 640, 16}, {1, 1280, 1280, 8}, {4, 128, 128, 12}, {16, 256, 256, 12},
                                     {16, 512, 512, 6}, {1, 37, 53, 41}, {1, 100, 24, 80}};
  for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
    compare(env, layers[i][0], layers[i][1], layers[i][2], layers[i][3]);
  }
}
