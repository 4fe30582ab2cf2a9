#include "check.h"
#include <math.h>

CHECK_KERNEL(polyphase_f32) {
  size_t n = check_size(env, 50), taps = 16 * check_range(env, 1, 8), phases = check_size(env, 20);
  size_t first = check_range(env, 0, 3 * phases), step = check_range(env, 1, 4 * phases);
  float *bank = check_f32(env, phases * taps), *x = check_f32(env, (first + (n - 1) * step) / phases + taps);
  float *got = check_f32_raw(env, n), *want = check_f32_raw(env, n);
  check_note(env, "n=%zu taps=%zu phases=%zu first=%zu step=%zu", n, taps, phases, first, step);
  env->kernels->polyphase_f32(n, taps, phases, first, step, bank, x, got);
  env->reference->polyphase_f32(n, taps, phases, first, step, bank, x, want);
  check_near(env, n, got, want, 1e-6 * (double)taps, 1e-6);
}

BENCH_KERNEL(polyphase_f32) {
  size_t n = 16000, taps = 368, phases = 160, step = 441;
  float *bank = check_f32(env, phases * taps), *x = check_f32(env, 44100 + taps), *y = check_f32(env, n);
  CHECK_TIME(env, "44.1 to 16 kHz, 1 s", 2.0 * (double)(n * taps))
    env->kernels->polyphase_f32(n, taps, phases, 0, step, bank, x, y);
}
