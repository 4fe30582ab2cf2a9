#include "check.h"
#include <math.h>

CHECK_KERNEL(activate_f32) {
  size_t rows = check_size(env, 20), cols = check_size(env, 70), ld = cols + check_range(env, 0, 5);
  vz_act act = {.kind = (vz_activation)(env->round % (VZ_ACT_HARDSWISH + 1)), .alpha = -0.25f, .beta = 0.75f};
  act.slope = check_f32(env, cols);
  double reach = env->round % 3 ? 10 : 120;
  size_t count = (rows - 1) * ld + cols;
  float *got = check_f32_in(env, count, -reach, reach);
  if (env->round % 4 == 0) got[0] = INFINITY, got[count - 1] = -INFINITY, got[count / 2] = NAN;
  float *want = check_copy(env, count * sizeof *want, got);
  check_note(env, "kind=%d rows=%zu cols=%zu ld=%zu", act.kind, rows, cols, ld);
  env->kernels->activate_f32(rows, cols, &act, got, ld);
  env->reference->activate_f32(rows, cols, &act, want, ld);
  check_near(env, count, got, want, act.kind == VZ_ACT_GELU ? 1e-6 * reach : 1e-7, 1e-6);
}

BENCH_KERNEL(activate_f32) {
  static const char *const names[] = {"none",    "relu", "clip", "leaky", "prelu",
                                      "sigmoid", "tanh", "silu", "gelu",  "hardswish"};
  float *x = check_f32(env, 64 * 64), *slope = check_f32(env, 64);
  for (int kind = VZ_ACT_RELU; kind <= VZ_ACT_HARDSWISH; kind++) {
    vz_act act = {.kind = (vz_activation)kind, .alpha = -0.25f, .beta = 0.75f, .slope = slope};
    CHECK_TIME(env, names[kind], 64 * 64) env->kernels->activate_f32(64, 64, &act, x, 64);
  }
}
