#include "vz_table.h"
#include <math.h>

#pragma STDC FP_CONTRACT OFF

static double apply(const vz_act *act, size_t c, double x) {
  switch (act->kind) {
  case VZ_ACT_NONE:
    return x;
  case VZ_ACT_RELU:
    return x < 0 ? 0 : x;
  case VZ_ACT_CLIP:
    return x < act->alpha ? act->alpha : x > act->beta ? act->beta : x;
  case VZ_ACT_LEAKY:
    return x < 0 ? act->alpha * x : x;
  case VZ_ACT_PRELU:
    return x < 0 ? act->slope[c] * x : x;
  case VZ_ACT_SIGMOID:
    return 1 / (1 + exp(-x));
  case VZ_ACT_TANH:
    return tanh(x);
  case VZ_ACT_SILU:
    return x == -INFINITY ? 0 : x / (1 + exp(-x));
  case VZ_ACT_GELU:
    return x == -INFINITY ? 0 : x / 2 * (1 + erf(x * M_SQRT1_2));
  case VZ_ACT_HARDSWISH:
    return x * fmin(fmax(x / 6 + 0.5, 0), 1);
  }
  return x;
}

void vz_activate_f32_scalar(size_t rows, size_t cols, const vz_act *act, float *x, size_t ld) {
  for (size_t r = 0; r < rows; r++) {
    for (size_t c = 0; c < cols; c++) x[r * ld + c] = (float)apply(act, c, x[r * ld + c]);
  }
}
